"""What a reader must know of a language by heart: question words, small words, numbers, months. All lower case.

Question words decide what kind of answer is expected; the kinds are the same in all languages, so that what was
learned in one holds in another. In Chinese a question word may stand anywhere, and the longest one found counts.
"""

from __future__ import annotations

from functools import cache

# Kinds of answers. The order is the code that the ranker sees.
KINDS = ("who", "when", "where", "how many", "how long", "why", "how", "thing", "none")

# language -> kind -> phrases, longest first where one begins another
ASKING: dict[str, dict[str, str]] = {
    "en": {
        "how many": "how many|how much|what percentage|what percent|what number|what proportion|how large|how big|how high|how fast",
        "how long": "how long|how old|how far|how often|how tall|how deep|how wide",
        "when": "when|what year|which year|what date|what month|what day|what decade|what century|what time|which century|which decade|which month|which day",
        "where": "where|what city|what country|what state|what location|what place|which city|which country|which state|what region|what town|what continent|which place|which region",
        "who": "who|whom|whose|what person|which person|which player|what player",
        "why": "why|what caused|what reason",
        "how": "how",
        "thing": "what|which",
    },
    "de": {
        "how many": "wie viele|wie viel|wie vielen|wie hoch|wie groß|wieviel|wieviele|welcher prozentsatz|welchen prozentsatz|welche anzahl|welcher anteil",
        "how long": "wie lange|wie lang|wie alt|wie weit|wie oft|wie tief|wie breit",
        "when": "wann|welchem jahr|welches jahr|welchem datum|welchem tag|welchem monat|welchem jahrhundert|welchem jahrzehnt|welchen jahren|seit wann",
        "where": "wo|woher|wohin|welcher stadt|welche stadt|welchem land|welches land|welchem ort|welcher ort|welcher region|welchem bundesstaat|welchem staat",
        "who": "wer|wen|wem|wessen|welcher spieler|welche person|welcher person",
        "why": "warum|wieso|weshalb|weswegen|aus welchem grund|wodurch",
        "how": "wie",
        "thing": "wie heißt|wie heißen|wie hieß|wie hießen|wie lautet|wie lauten|wie lautete|wie lauteten|wie nennt|wie nennen|wie nannte|wie nannten|wie wird|wie werden|wie wurde|wie wurden|was|welche|welcher|welches|welchen|welchem|worauf|woran|worin|wofür|womit|wozu|wovon|worum|worüber|wonach",
    },
    "es": {
        "how many": "cuántos|cuántas|cuánto|cuánta|qué porcentaje|qué cantidad|qué número|cuál es el porcentaje|qué proporción",
        "how long": "cuánto tiempo|cuántos años tenía|qué edad|qué distancia|cada cuánto|qué longitud",
        "when": "cuándo|qué año|qué fecha|qué mes|qué día|qué década|qué siglo|qué momento|qué época|qué años",
        "where": "dónde|adónde|qué ciudad|qué país|qué estado|qué lugar|qué región|qué sitio",
        "who": "quién|quiénes|qué persona|qué jugador",
        "why": "por qué|cuál fue la causa|qué causó",
        "how": "cómo",
        "thing": "cómo se llama|cómo se llaman|cómo se llamaba|cómo se llamaban|cómo se llamó|cómo se conoce|cómo se conocía|cómo se denomina|cómo se denominan|cómo se denominaba|qué|cuál|cuáles",
    },
    "zh": {
        "how many": "多少|几个|几次|几名|几人|几种|百分之几|比例是|比分|多高|多大|多快|几",
        "how long": "多久|多长时间|多长|几岁|多远|几年|多少年|多少岁|多深|多宽",
        "when": "什么时候|何时|哪一年|哪年|什么时间|哪一天|哪天|哪个世纪|哪个月|哪一日|什么年代|哪个年代|几月|几号|哪些年",
        "where": "哪里|哪儿|何处|什么地方|哪个城市|哪个国家|哪个州|哪个地区|哪座城市|什么城市|什么国家|在哪|哪个地方|位于哪",
        "who": "谁|哪位|哪个球员|哪名球员|哪名|什么人|哪个人|何人",
        "why": "为什么|为何|什么原因|原因是什么|怎么会",
        "how": "怎么|怎样|如何|怎么样",
        "thing": "什么|哪个|哪些|哪种|哪一|哪|何|啥",
    },
}

# language -> class of small words -> words
SMALL: dict[str, dict[str, str]] = {
    "en": {
        "article": "a an the",
        "preposition": "of in on at by for with from to into onto over under between among through during before after against about as than since until within without upon toward towards via per across along around near off out up down behind beyond despite throughout",
        "conjunction": "and or but nor so yet because although though while whereas if when where that which who whom whose unless whether",
        "pronoun": "i you he she it we they him her them his its their our your my this these those there here himself herself itself themselves one each both all some any such other another",
        "auxiliary": "is are was were be been being am has have had having do does did doing can could may might must shall should will would 's",
        "adverb": "not also only very more most less least then thus however often just even still later never already too well as respectively",
    },
    "de": {
        "article": "der die das den dem des ein eine einen einem eines einer",
        "preposition": "von in im am an auf bei für mit aus zu zum zur über unter zwischen durch während vor nach gegen um als seit bis ohne ins ans vom beim wegen trotz innerhalb außerhalb entlang neben hinter gegenüber laut pro ab",
        "conjunction": "und oder aber sondern denn doch weil da obwohl während wenn wo dass ob sowie sowohl damit indem nachdem bevor",
        "pronoun": "ich du er sie es wir ihr ihn ihm ihnen sein seine seinen seinem seiner seines ihre ihren ihrem ihrer ihres unser dieser diese dieses diesen diesem jene man sich hier dort welche welcher welches deren dessen einige alle beide andere anderen jeder jede jedes",
        "auxiliary": "ist sind war waren sein gewesen bin hat haben hatte hatten wird werden wurde wurden worden geworden kann können konnte konnten darf muss müssen soll sollen sollte will wollen würde würden mag möchte",
        "adverb": "nicht auch nur sehr mehr meist weniger dann jedoch oft noch schon später nie bereits etwa so wie als zu",
    },
    "es": {
        "article": "el la los las un una unos unas lo al del",
        "preposition": "de en a por para con desde hasta sobre entre durante antes después contra según sin tras hacia ante bajo mediante dentro fuera",
        "conjunction": "y e o u pero sino porque aunque mientras si cuando donde que como ni pues cual cuales quien quienes cuyo cuya",
        "pronoun": "yo tú él ella ello nosotros ellos ellas le les se su sus nuestro este esta estos estas ese esa esos esas aquel aquella esto eso me te nos otro otra otros otras cada ambos ambas todo toda todos todas algunos algunas",
        "auxiliary": "es son era eran fue fueron ser sido siendo está están estaba estaban estar ha han había habían haber hay hubo puede pueden podía podría debe deben tiene tienen tenía será serían sería",
        "adverb": "no también sólo solo muy más menos entonces así sin embargo ya aún todavía nunca después luego tan casi",
    },
    "zh": {
        "article": "",
        "preposition": "在 从 对 于 由 被 把 向 以 为 与 跟 给 至 到 自 用 比 按 按照 根据 关于 通过 随着 经过 除了 作为 因 因为 由于",
        "conjunction": "和 及 以及 或 或者 而 且 并 并且 但 但是 如果 虽然 尽管 所以 因此 不过 而且 还 则 即",
        "pronoun": "我 你 他 她 它 我们 他们 她们 它们 这 那 这些 那些 其 该 此 自己 其中 各 每 某 本",
        "auxiliary": "是 有 会 能 可以 可 要 应 应该 必须 将 已 已经 曾 正在 正 得 所 等",
        "adverb": "不 没 没有 也 都 很 更 最 只 就 又 再 才 仍 仍然 非常 主要 约 大约 的 地 了 着 过 之 们",
    },
}  # fmt: skip

NUMBERS: dict[str, str] = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion first second third fourth fifth sixth seventh eighth ninth tenth once twice half dozen dozens hundreds thousands millions quarter",
    "de": "null zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend million millionen milliarde milliarden mio mrd erste ersten zweite zweiten dritte dritten vierte vierten fünfte fünften einmal zweimal dreimal hälfte dutzend hunderte tausende viertel",
    "es": "cero dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien cientos mil miles millón millones billón billones primero primera primer segundo segunda tercero tercera tercer cuarto cuarta quinto mitad docena veces vez",
    "zh": "零 一 二 两 三 四 五 六 七 八 九 十 百 千 万 亿 第一 第二 第三 第四 第五 半 一半 两次 三次 四次 一次 一个 两个 三个 四个 五个 两名 三名",
}  # fmt: skip

UNITS: dict[str, str] = {
    "en": "percent % km kilometers kilometres miles mile meters metres feet ft square acres hectares tons tonnes kg pounds dollars euros years year months weeks days day hours minutes seconds degrees °c °f people times point points centuries century decades",
    "de": "prozent % km kilometer meilen meter fuß quadratkilometer hektar tonnen kg pfund dollar euro jahre jahren jahr monate wochen tage tagen stunden minuten sekunden grad menschen mal punkte jahrhunderte jahrhundert jahrzehnte einwohner",
    "es": "ciento % km kilómetros millas metros pies cuadrados hectáreas toneladas kg libras dólares euros años año meses semanas días horas minutos segundos grados personas veces puntos siglos siglo décadas habitantes",
    "zh": "% 公里 千米 英里 米 英尺 平方 平方公里 公顷 吨 公斤 磅 美元 欧元 年 个月 月 周 天 日 小时 分钟 秒 秒钟 度 人 次 分 世纪 年代 岁 名 个 位 倍",
}  # fmt: skip

MONTHS: dict[str, str] = {
    "en": "january february march april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter century bc ad bce ce",
    "de": "januar februar märz april mai juni juli august september oktober november dezember montag dienstag mittwoch donnerstag freitag samstag sonntag frühling sommer herbst winter jahrhundert jahrhunderts chr",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes miércoles jueves viernes sábado domingo primavera verano otoño invierno siglo",
    "zh": "年 月 日 世纪 年代 一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月 公元 公元前 星期",
}  # fmt: skip

LANGUAGES = tuple(ASKING)
CLASSES = ("none", "article", "preposition", "conjunction", "pronoun", "auxiliary", "adverb")


def known(language: str) -> str:
    """The language whose words are used: a language without words of its own is read as English."""
    return language if language in ASKING else "en"


@cache
def small_words(language: str) -> dict[str, int]:
    """Word -> its place in CLASSES; where a word is in two, the first counts."""
    found: dict[str, int] = {}
    for name, words in SMALL[known(language)].items():
        for word in words.split():
            found.setdefault(word.casefold(), CLASSES.index(name))
    return found


@cache
def word_set(table: str, language: str) -> frozenset[str]:
    """The words of NUMBERS, UNITS or MONTHS in a language."""
    return frozenset({"numbers": NUMBERS, "units": UNITS, "months": MONTHS}[table][known(language)].casefold().split())


@cache
def asking_phrases(language: str) -> tuple[tuple[str, int], ...]:
    """(phrase, its place in KINDS), longest first."""
    phrases = [
        (phrase.casefold(), KINDS.index(kind))
        for kind, listed in ASKING[known(language)].items()
        for phrase in listed.split("|")
    ]
    return tuple(sorted(phrases, key=lambda pair: (-len(pair[0]), pair[0])))
