"""Credit lines of generator vendors: which value, in which kind of field, is a declaration.

Kinds of field are told apart, because a caption may mention any name: a software field names a program, so a
generator's name at its start declares; a credit field names a source, so it declares by a fixed formula or by a value
that is a generator's name and nothing else; in prose only a fixed formula that is the whole text declares. Names that
are also those of people, places or cameras (Sora, Kandinsky, Firefly, Gemini) need their maker's name or a version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Products that do nothing but generate; "_" is read as a space.
_PRODUCTS = "|".join(
    (
        r"adobe firefly(?: image| video)?|firefly (?:image|video)",
        r"dall[-·•∙. ]?e|chatgpt|gpt[- ]4o|gpt[- ]image|openai[- ](?:api|images?)|(?:openai )?sora [12]|openai sora",
        r"midjourney|stable ?diffusion(?: xl| webui)?|sdxl|dreamstudio|stable image|automatic1111",
        r"comfyui|invokeai|invoke ai|novelai|nai diffusion|(?:ruined)?fooocus|easy diffusion|(?:stable)?swarmui",
        r"draw things|diffusionbee|mochi diffusion|(?:microsoft )?bing image creator",
        r"image creator from (?:microsoft )?designer|google imagen|imagen [2-9]|nano banana(?: pro)?",
        r"google gemini|gemini [1-9]|(?:google )?imagefx|(?:imagine with )?meta ai|meta imagine",
        r"grok(?: imagine)?|ideogram(?: ai)?|leonardo[. ]ai|recraft(?:[. ]ai)?|playground ai|nightcafe(?: studio)?",
        r"flux(?:[. ]?[12](?:[. ]1)?)(?: ?\[?(?:dev|pro|schnell|max|kontext)\]?)?",
        r"craiyon|artbreeder|runway(?:ml)? gen[- ]?\d|krea[. ]ai|freepik ai|kling ai|kolors|seedream|jimeng(?: ai)?",
        r"dreamina|doubao|hunyuan(?:image)?|tongyi wanxiang|qwen[- ]image|cogview|yandexart|kandinsky \d",
        r"(?:apple )?image playground|this ?person ?does ?not ?exist|stylegan ?\d?",
        r"amazon (?:titan|nova canvas)(?: image)?(?: generator)?|generative (?:fill|expand)",
    )
)
# Firms that generate, but also hand out photographs: their bare name in a credit is only a hint.
_FIRMS = r"openai|xai|stability[ .]?ai|black forest labs|google ai|google deepmind|runwayml"
_EDITORS = r"apple photos clean ?up|(?:google )?magic editor|(?:samsung )?galaxy ai"
_ANY = rf"(?:{_PRODUCTS}|{_FIRMS}|{_EDITORS})"
_TOOLS = r"(?: (?:tools?|model|image generator|technology|features?))?"
_AI = rf"(?:an? )?(?:generative )?(?:ai|a\.i\.|artificial intelligence|genai){_TOOLS}"
_VERSION = r"(?:[ /v-]*\d[\w. -]{0,20})?"
_THING = r"(?:image|picture|photo|content|artwork|illustration|media|portrait|visual)s?"

_SOFTWARE = re.compile(rf"^(?:{_ANY}(?![a-z])|ai generated(?:;|$))", re.IGNORECASE)
_WHOLE_PRODUCT = re.compile(rf"^(?:{_PRODUCTS}){_VERSION}(?:,? (?:by|from) [\w. ]{{1,20}})?[.]?$", re.IGNORECASE)
_WHOLE_FIRM = re.compile(rf"^(?:{_FIRMS})[.]?$", re.IGNORECASE)
_FORMULA = re.compile(
    rf"^(?:(?:this |the |an? )?{_THING} )?(?:(?:was|is|were|has been) )?(?:fully |partly |partially |entirely )?"
    r"(?:created|generated|made|edited|imagined|produced|rendered|drawn|manipulated)"
    rf" (?:with|by|using|in|via)(?: the)?(?: help of)? (?:{_ANY}|{_AI}){_VERSION}"
    rf"(?:[.,;]? ?powered by {_ANY}{_VERSION})?[.!]?$",
    re.IGNORECASE,
)
_LABELS = re.compile(
    "|".join(
        (
            rf"^(?:(?:this {_THING} )?contains )?(?:ai|artificial intelligence)[- ]?(?:generated|created|manipulated)"
            rf"(?: (?:{_THING}|elements?))?[.!]?$",
            rf"^synthetic {_THING}$",
            r"^(?:由|内容由)?\s*AI\s*(?:辅助)?生成(?:内容|画像|コンテンツ)?[。.]?$",
            r"^AI로 생성된 (?:콘텐츠|이미지)[.]?$",
            r"^KI[- ]generiert(?:es Bild)?[.]?$",
            r"^(?:image )?g[ée]n[ée]r[ée]e? par (?:l')?IA[.]?$",
            r"^(?:imagen )?generad[ao] (?:con|por) IA[.]?$",
        )
    ),
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Credit:
    """A vendor's declaration: how strong it is ("statement" or "hint")."""

    strength: str


def software_credit(value: str) -> Credit | None:
    """A field that names a program."""
    return Credit("statement") if _SOFTWARE.match(_tidy(value)) else prose_credit(value)


def device_credit(value: str) -> Credit | None:
    """A field that names a device's maker or model: a generator there is nobody's camera."""
    text = _tidy(value)
    return Credit("statement") if _WHOLE_PRODUCT.match(text) or _WHOLE_FIRM.match(text) else None


def credit_line(value: str) -> Credit | None:
    """A field that names a source: Credit, Source, By-line, Artist."""
    text = _tidy(value)
    if _WHOLE_PRODUCT.match(text):
        return Credit("statement")
    if _WHOLE_FIRM.match(text):
        return Credit("hint")
    return prose_credit(value)


def prose_credit(value: str) -> Credit | None:
    """A caption, comment or title: only a formula that is the whole text declares."""
    text = _tidy(value)
    if len(text) <= 160 and (_FORMULA.match(text) or _LABELS.match(text)):
        return Credit("statement")
    return None


def keyword_credit(value: str) -> Credit | None:
    """A keyword: stock agencies ask for such ones, yet a keyword may also name a topic."""
    return Credit("hint") if len(value) <= 80 and _LABELS.match(_tidy(value)) else None


def _tidy(value: str) -> str:
    return " ".join(value[:400].replace("_", " ").split()).strip("\"'“”")
