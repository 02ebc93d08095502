"""The JSON records of image generators: node graphs and settings, told apart by the keys that only each one has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Record = dict[str, Any]


def read_json(keyword: str, text: str) -> Record | None:
    """Kind, tool, model and prompt when the text is a generator's JSON, else None. keyword: the field's own name."""
    tree = _json(text)
    if tree is None:
        return None
    return next((record for reader in _JSON_READERS if (record := reader(keyword, tree))), None)


def _json(text: str) -> Any:
    if text[:1] not in "{[":
        return None
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict | list) else None


def _swarm(keyword: str, tree: Any) -> Record | None:
    inner = tree.get("sui_image_params") if isinstance(tree, dict) else None
    if not isinstance(inner, dict):
        return None
    return _record("swarmui", "SwarmUI", inner, ("prompt",), ("model",))


def _comfy(keyword: str, tree: Any) -> Record | None:
    if not isinstance(tree, dict):
        return None
    nodes = [n for n in tree.values() if isinstance(n, dict) and isinstance(n.get("class_type"), str)]
    if nodes and all("inputs" in n for n in nodes[:5]):
        return _comfy_record(nodes)
    graph = tree.get("nodes")
    if isinstance(graph, list) and ("links" in tree or "last_node_id" in tree):
        kinds = [str(n.get("type")) for n in graph if isinstance(n, dict)]
        return {
            "kind": "comfyui",
            "tool": "ComfyUI",
            "nodes": kinds[:30],
            "model": None,
            "prompt": None,
            "makes_pictures": any(map(_samples, kinds)),
        }
    if isinstance(tree.get("extraMetadata"), str) or "civitaiResources" in tree:
        return {"kind": "comfyui", "tool": "Civitai", "model": None, "prompt": None, "makes_pictures": True}
    return None


def _samples(kind: str) -> bool:
    return any(word in kind.lower() for word in ("sampler", "diffusion", "flux", "vaedecode", "inpaint", "imagegen"))


def _comfy_record(nodes: Sequence[Mapping[str, Any]]) -> Record:
    models, prompts = [], []
    for node in nodes:
        inputs = node["inputs"] if isinstance(node.get("inputs"), dict) else {}
        models += [v for k, v in inputs.items() if k in ("ckpt_name", "unet_name", "model_name") and isinstance(v, str)]
        prompts += [v for k, v in inputs.items() if k in ("text", "prompt", "text_g") and isinstance(v, str) and v]
    kinds = [str(n["class_type"]) for n in nodes]
    return {
        "kind": "comfyui",
        "tool": "ComfyUI",
        "nodes": kinds[:30],
        "model": next(iter(models), None),
        "prompt": next(iter(prompts), None),
        "makes_pictures": any(map(_samples, kinds)),
    }


def _invoke(keyword: str, tree: Any) -> Record | None:
    if not isinstance(tree, dict):
        return None
    if keyword == "sd-metadata" or ("model_weights" in tree and "image" in tree):
        image = tree.get("image") if isinstance(tree.get("image"), dict) else {}
        return {
            "kind": "invokeai",
            "tool": "InvokeAI",
            "model": tree.get("model_weights"),
            "prompt": str(image.get("prompt"))[:2000] if image else None,
        }
    if keyword.startswith("invokeai_") or ("positive_prompt" in tree and "generation_mode" in tree):
        model = tree.get("model")
        name = (model.get("name") or model.get("model_name")) if isinstance(model, dict) else model
        return {"kind": "invokeai", "tool": "InvokeAI", "model": name, "prompt": tree.get("positive_prompt")}
    return None


def _novelai(keyword: str, tree: Any) -> Record | None:
    if not isinstance(tree, dict):
        return None
    if isinstance(tree.get("Comment"), str) and tree.get("Software") == "NovelAI":
        inner = _json(tree["Comment"]) or {}
        return _record("novelai", "NovelAI", inner if isinstance(inner, dict) else {}, ("prompt",), ("model",))
    if "signed_hash" in tree or ({"uc", "sampler", "steps", "scale", "seed"} <= tree.keys() and "c" not in tree):
        return _record("novelai", "NovelAI", tree, ("prompt",), ("model",))
    return None


def _draw_things(keyword: str, tree: Any) -> Record | None:
    if isinstance(tree, dict) and {"c", "uc", "model", "sampler"} <= tree.keys():
        return _record("draw_things", "Draw Things", tree, ("c",), ("model",))
    return None


def _fooocus(keyword: str, tree: Any) -> Record | None:
    if not isinstance(tree, dict):
        return None
    version = str(tree.get("version", tree.get("Version", "")))
    if version.startswith(("Fooocus", "Ruined", "RuinedFooocus")) or {"base_model", "adm_guidance"} <= tree.keys():
        return _record("fooocus", version or "Fooocus", tree, ("prompt", "Prompt"), ("base_model", "base_model_name"))
    return None


def _easy_diffusion(keyword: str, tree: Any) -> Record | None:
    if isinstance(tree, dict) and ("use_stable_diffusion_model" in tree or "Stable Diffusion model" in tree):
        return _record(
            "easy_diffusion",
            "Easy Diffusion",
            tree,
            ("prompt", "Prompt"),
            ("use_stable_diffusion_model", "Stable Diffusion model"),
        )
    return None


def _generic(keyword: str, tree: Any) -> Record | None:
    """Settings that only a diffusion sampler has, under names that many programs share."""
    if not isinstance(tree, dict):
        return None
    keys = {str(k).lower().replace(" ", "_") for k in list(tree)[:200]}
    settings = keys & {
        "steps",
        "num_inference_steps",
        "sampler",
        "scheduler",
        "cfg_scale",
        "guidance_scale",
        "seed",
        "negative_prompt",
        "negativeprompt",
        "denoising_strength",
        "cfg",
        "cfgscale",
    }
    if "prompt" in keys and len(settings) >= 3:
        return _record("stable_diffusion", "a diffusion program", tree, ("prompt", "Prompt"), ("model", "Model"))
    return None


def _record(kind: str, tool: str, tree: Mapping[str, Any], prompts: Sequence[str], models: Sequence[str]) -> Record:
    prompt = next((tree[k] for k in prompts if isinstance(tree.get(k), str)), None)
    model = next((tree[k] for k in models if isinstance(tree.get(k), str)), None)
    return {"kind": kind, "tool": tool, "model": model, "prompt": prompt[:2000] if prompt else None}


_JSON_READERS: tuple[Callable[[str, Any], Record | None], ...] = (
    _swarm,
    _comfy,
    _invoke,
    _draw_things,
    _novelai,
    _fooocus,
    _easy_diffusion,
    _generic,
)
