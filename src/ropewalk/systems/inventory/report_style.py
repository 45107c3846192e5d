"""What the report adds to the common look of pages."""

STYLE = """
.hero{margin:0 0 1rem}.hero p{margin:0;max-width:54rem}.hero .kicker{color:var(--soft)}
.hero .sum{font-size:clamp(2.4rem,7vw,3.6rem);font-weight:700;letter-spacing:-.03em;line-height:1.1;
font-variant-numeric:tabular-nums}
.hero .range{color:var(--soft);margin-bottom:.6rem;font-variant-numeric:tabular-nums}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;padding:.6rem 0;border-block:1px solid var(--line);font-size:.875rem}
nav a{text-decoration:none}nav a:hover{text-decoration:underline}
section{scroll-margin-top:1rem}.id,.delta{display:block;font-weight:400;font-size:.8125rem;color:var(--soft);margin:0}
tbody th a{color:inherit;text-decoration-color:var(--line);text-underline-offset:.2em}
tbody th a:hover{text-decoration-color:currentColor}
.grid .scroll th,.grid .scroll td{padding:.45rem .6rem}.grid .scroll table{font-size:.875rem}
.policies th,.policies td{padding-inline:.7rem}.policies .delta{white-space:nowrap;letter-spacing:-.01em}
.note p{max-width:none}
.facts{max-width:46rem;padding-left:1.2rem}.facts li{margin:.35rem 0}
.why{min-width:15rem}.whole{white-space:nowrap}.grid .cell>figure{height:calc(100% - .5rem)}.item .key{margin:.5rem 0 0}
td.mid,th.mid{text-align:center}.heat{font-variant-numeric:tabular-nums}.heat td{border-left:1px solid var(--line)}
.heat b{font-size:1.0625rem}
.heat td.good,.heat td.error{background:color-mix(in srgb,var(--tone-bg) calc(40% + .6*var(--strength)),transparent)}
.heat td.good b,.heat td.error b{color:var(--tone)}
.picks{display:grid;grid-template-columns:17rem minmax(0,1fr);gap:1rem;align-items:start;margin:.75rem 0}
.picks[hidden]{display:none}
.list{position:sticky;top:1rem;display:grid;gap:.5rem}
.list input,.list select{font:inherit;width:100%;padding:.45rem .6rem;color:var(--ink);background:var(--sheet);
border:1px solid var(--line);border-radius:.4rem;max-width:none}
.list .count{margin:0;font-size:.8125rem;color:var(--soft)}
.list ul{list-style:none;margin:0;padding:0;max-height:38rem;overflow-y:auto;background:var(--sheet);position:relative;
border:1px solid var(--line);border-radius:.5rem}
.list li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:0 .5rem;padding:.4rem .7rem;cursor:pointer;
border-top:1px solid var(--grid);font-size:.875rem}
.list li:first-child{border-top:0}.list li:hover{background:var(--ground)}
.list li[aria-selected=true]{background:var(--info-bg);box-shadow:inset 3px 0 var(--info)}
.list .what{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-weight:600}
.list small{grid-column:1/-1;color:var(--soft);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.by{font-variant-numeric:tabular-nums}.won{color:var(--good)}.lost{color:var(--error)}
.item{min-width:0}.item h3{font-size:1.15rem;margin:0 0 .5rem;overflow-wrap:anywhere}
.item h3 small{display:block;font-weight:400;font-size:.8125rem;color:var(--soft)}
.now{max-width:none;padding:.7rem .9rem;border-radius:.5rem;background:var(--info-bg);margin:0 0 .75rem}
.now small{display:block;color:var(--soft);margin-top:.2rem}
.mini{display:grid;grid-template-columns:repeat(auto-fit,minmax(6.5rem,1fr));gap:.5rem;margin:0 0 .25rem}
.mini dt,.mini .under{font-size:.8125rem;color:var(--soft)}.mini dd{margin:0;font-weight:600;font-size:1.0625rem;
font-variant-numeric:tabular-nums}.mini dd.under{font-weight:400}
svg.small{display:block;max-width:100%}svg .outline{fill:none;stroke:var(--ink);stroke-width:1.25}
svg .promo{fill:var(--c5);opacity:.13}svg .tiny{font-size:10px}svg .over{fill:var(--ink);opacity:0}
svg .over:hover{opacity:.06}
table small{white-space:normal}td{overflow-wrap:break-word}
@media(max-width:48rem){.picks{grid-template-columns:minmax(0,1fr)}.list{position:static}.list ul{max-height:14rem}}
@media print{nav,.list{display:none}.picks{grid-template-columns:1fr}h2{break-after:avoid}.scroll{overflow:visible}}
"""
