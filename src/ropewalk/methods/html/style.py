"""How pages look, and the few lines of script that they use. Colours hold 4.5 : 1 on their ground."""

PALETTE = """
:root{color-scheme:light dark;--ground:#faf9f6;--sheet:#fff;--ink:#1d2733;--soft:#56616e;--line:#dcdfe3;
--grid:#e8eaed;
--c1:#1868ab;--c2:#b9560f;--c3:#0d7f6b;--c4:#7a4bb0;--c5:#8a6a00;--c6:#626c78;
--good:#17693a;--info:#1c5d99;--warning:#8a5400;--error:#b3261e;
--good-bg:#e6f4ea;--info-bg:#e6f0fa;--warning-bg:#fdf1d8;--error-bg:#fdeaea}
@media(prefers-color-scheme:dark){:root{--ground:#12171d;--sheet:#1a2129;--ink:#e6eaee;--soft:#a3aeba;--line:#36414d;
--grid:#2a343f;--c1:#6cb2f0;--c2:#f0a066;--c3:#5ecdb4;--c4:#c4a2f0;--c5:#dfc055;--c6:#a5afba;
--good:#7fd6a0;--info:#86bff5;--warning:#f2bf62;--error:#ff9d94;
--good-bg:#173325;--info-bg:#173049;--warning-bg:#3b2e12;--error-bg:#43201e}}
"""

MARKS = """
svg text{font:12px system-ui,sans-serif;
fill:var(--soft)}
svg .name{fill:var(--ink)}svg .grid-line{stroke:var(--grid)}svg .axis{stroke:var(--soft)}
svg .rule{stroke:var(--soft);stroke-dasharray:4 3}
.s1{--c:var(--c1)}.s2{--c:var(--c2)}.s3{--c:var(--c3)}.s4{--c:var(--c4)}.s5{--c:var(--c5)}.s6{--c:var(--c6)}
svg .good,svg .info,svg .warning,svg .error{--c:var(--tone)}
svg .line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}svg .dash{stroke-dasharray:5 4}
svg .band{fill:var(--c);opacity:.16}svg .fill{fill:var(--c)}svg .mark{fill:var(--c);stroke:var(--sheet);
stroke-width:1.5}
svg .hit{fill:var(--c);opacity:0}svg .hit:hover{opacity:1}
svg .whisker{stroke:var(--c);stroke-width:1.5}
.end{text-anchor:end}.mid{text-anchor:middle}
"""

CSS = (
    PALETTE
    + """*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:1.5rem clamp(1rem,4vw,2.5rem) 3rem;background:var(--ground);
color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;text-wrap:pretty}
.skip{position:absolute;left:-99em}.skip:focus{left:1rem}
header{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1rem;margin-bottom:1.5rem}
h1{font-size:1.75rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.5rem 0 .25rem}h3{font-size:1rem;margin:1rem 0 .25rem}
p{margin:.25rem 0 .75rem;max-width:46rem}.lead{flex-basis:100%;color:var(--soft);margin:0}.about{color:var(--soft)}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}
code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em}a{color:var(--info)}
:focus-visible{outline:2px solid var(--info);outline-offset:2px}
.good{--tone:var(--good);--tone-bg:var(--good-bg)}.info{--tone:var(--info);--tone-bg:var(--info-bg)}
.warning{--tone:var(--warning);--tone-bg:var(--warning-bg)}.error{--tone:var(--error);--tone-bg:var(--error-bg)}
.badge{display:inline-flex;align-items:center;gap:.4em;padding:.1em .7em .1em .5em;border-radius:1em;font-weight:600;
font-size:.875rem;white-space:nowrap;color:var(--tone,var(--ink));background:var(--tone-bg,var(--grid))}
.icon{display:inline-grid;place-items:center;flex:none;width:1.15em;height:1.15em;border-radius:50%;
font:700 .85em/1 system-ui,
sans-serif;color:var(--sheet);background:var(--tone)}
.note{display:flex;gap:.7rem;align-items:flex-start;padding:.75rem 1rem;margin:.75rem 0;border-radius:.5rem;
background:var(--tone-bg,var(--sheet));border:1px solid var(--tone,var(--line))}.note .icon{margin-top:.2em}
.note p:last-child{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.75rem;margin:1rem 0}
.card{background:var(--sheet);border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem;
box-shadow:inset 3px 0 var(--tone,transparent)}
.card dt{color:var(--soft);font-size:.8125rem}.card dd{margin:0}.card .value{font-size:1.5rem;font-weight:650;
line-height:1.3;
font-variant-numeric:tabular-nums}.card .under{font-size:.8125rem;color:var(--soft)}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:.75rem 1.5rem}
.cell{min-width:0}
.scroll{overflow-x:auto;margin:.5rem 0 1rem;background:var(--sheet);border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;padding:.6rem .9rem;color:var(--soft);font-size:.875rem}
th,td{padding:.5rem .9rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{font-size:.8125rem;font-weight:600;color:var(--soft);white-space:nowrap;vertical-align:bottom}
thead:first-child th{border-top:0}tbody th{font-weight:600}
.right{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.good,tr.info,tr.warning,tr.error{box-shadow:inset 3px 0 var(--tone)}tr.good,tr.good th{background:var(--good-bg)}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th[aria-sort] button::after{content:" ▾"}th[aria-sort=ascending] button::after{content:" ▴"}
details{margin:.25rem 0 1rem}summary{cursor:pointer;color:var(--soft);font-size:.875rem}
.pick{display:block;margin:.5rem 0;font-weight:600}select{font:inherit;padding:.3rem .5rem;max-width:100%;
color:var(--ink);
background:var(--sheet);border:1px solid var(--line);border-radius:.4rem}
figure{margin:.5rem 0 0;padding:.75rem .75rem .25rem;background:var(--sheet);border:1px solid var(--line);
border-radius:.5rem}
figcaption{font-weight:600;font-size:.9375rem;margin:0 .25rem .25rem}figcaption small{display:block;font-weight:400;
color:var(--soft)}
figure details{margin:.25rem .25rem .5rem}figure .scroll{max-height:18rem;overflow:auto}
.key{display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:0 .25rem .25rem;padding:0;list-style:none;font-size:.8125rem;
color:var(--soft)}
.key li{display:flex;align-items:center;gap:.4em}.key svg{width:1.5em;height:.8em}
svg.chart{display:block;width:100%;max-width:32rem;height:auto;margin:auto;overflow:visible}
svg.wide{max-width:none;min-width:40rem}.draw{overflow-x:auto}figcaption span{font-weight:400;color:var(--soft)}
"""
    + MARKS[1:]
    + """@media print{body{max-width:none;background:#fff}.scroll,figure,.card{break-inside:avoid}.pick{display:none}}
@media(max-width:40rem){body{padding-top:1rem}}
"""
)

# Of a drawing that is a file of its own.
DRAWING = PALETTE[1:] + MARKS[1:] + ".title{font-size:14px;font-weight:600;fill:var(--ink)}.ground{fill:var(--sheet)}"

SCRIPT = """
for(const p of document.querySelectorAll('.picker')){const s=p.querySelector('select'),a=p.querySelectorAll('.panel');
const show=()=>a.forEach((e,i)=>{e.hidden=i!=s.value});s.addEventListener('input',show);show()}
for(const t of document.querySelectorAll('table.sortable'))t.querySelectorAll('thead th').forEach((h,i)=>
h.querySelector('button').addEventListener('click',()=>{const up=h.getAttribute('aria-sort')=='descending';
t.querySelectorAll('thead th').forEach(x=>x.removeAttribute('aria-sort'));
h.setAttribute('aria-sort',up?'ascending':'descending');
const key=r=>{const c=r.cells[i],k=c.dataset.key;return k===undefined?c.textContent:+k},b=t.tBodies[0];
[...b.rows].sort((x,y)=>{const p=key(x),q=key(y),
d=typeof p=='number'&&typeof q=='number'?p-q:String(p).localeCompare(String(q));
return up?d:-d}).forEach(r=>b.append(r))}))
"""
