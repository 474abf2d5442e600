"""Recipes as an adversary, a tired author or a broken disk would write them: name -> content of the file.

Each is a whole file. Those of `ACCEPTED` are odd and right; all others must be refused with their faults.
"""

from __future__ import annotations

HEAD = "name: small\ndataset: digits\nmodel: fc\ntraining: {epochs: 1}\n"
_NO_MODEL = "name: small\ndataset: digits\ntraining: {epochs: 1}\n"
_NO_DATASET = "name: small\nmodel: fc\ntraining: {epochs: 1}\n"
_NO_TRAINING = "name: small\ndataset: digits\nmodel: fc\n"
_NO_NAME = "dataset: digits\nmodel: fc\ntraining: {epochs: 1}\n"
_DIGITS = 400


def _with(**lines: str) -> dict[str, str]:
    return {name: HEAD + line + "\n" for name, line in lines.items()}


#: Odd, and right: each must pass.
ACCEPTED: dict[str, str | bytes] = {
    "merge-key": "base: &b {epochs: 1, batch_size: 8}\n"
    and HEAD.replace("{epochs: 1}", "&t {epochs: 1}") + "task: {<<: {name: classify}}\n",
    "merge-of-an-anchor": HEAD
    + "projector: &p {name: dense}\nsweep: {d: [1], over: {projector: [{<<: *p}, tied]}}\n",
    "merge-of-several": HEAD + "projector: {<<: [{name: dense}, {name: tied, orthogonal: true}]}\n",
    "merge-is-overruled": HEAD + "projector: {<<: {name: dense}, name: tied}\n",
    "quoted-merge-key-is-a-parameter": _NO_MODEL + "model: {name: './m.py:f', '<<': 1}\n",
    "byte-order-mark": b"\xef\xbb\xbf" + HEAD.encode(),
    "windows-lines": HEAD.replace("\n", "\r\n"),
    "old-mac-lines": HEAD.replace("\n", "\r"),
    "no-last-newline": HEAD.rstrip(),
    "json": '{"name": "small", "dataset": "digits", "model": "fc", "training": {"epochs": 1}}',
    "document-marks": f"---\n{HEAD}...\n",
    "only-comments-behind": HEAD + "# end\n" * 1000,
    "emoji-parameter": _NO_MODEL + "model: {name: './m.py:f', word: \U0001f600}\n",
    "escaped-emoji-parameter": _NO_MODEL + 'model: {name: "./m.py:f", word: "\\U0001F600"}\n',
    "pair-of-surrogates": _NO_MODEL + 'model: {name: "./m.py:f", word: "\\ud83d\\ude00"}\n',
    "infinite-own-parameter": _NO_MODEL + "model: {name: './m.py:f', a: .inf, b: -.inf, c: .nan}\n",
    "control-characters-in-own-parameter": _NO_MODEL + 'model: {name: "./m.py:f", a: "\\0\\e[31m\\u2028"}\n',
    "large-own-integer": _NO_MODEL + f"model: {{name: './m.py:f', a: {'9' * 300}}}\n",
    "null-own-parameter": _NO_MODEL + "model: {name: './m.py:f', a: , b: ~}\n",
    "empty-sweep": HEAD + "sweep:\n",
    "name-of-the-file": _NO_NAME,
    "largest-d": HEAD + f"d: {10**12}\n",
    "two-merge-keys": HEAD + "task: {<<: {name: classify}, <<: {score: train}}\n",
    # Only importing them would tell what they have.
    "builtin-module": _NO_MODEL + "model: sys:nothing\n",
    "extension-module": _NO_MODEL + "model: _socket:nothing\n",
    "module-of-2000-parts-of-os": _NO_MODEL + f"model: os{'.path' * 2000}:x\n",
}

_DEEP = 3000
#: To be refused, each with its faults.
REFUSED: dict[str, str | bytes] = {
    # --- not YAML, not text, not a recipe
    "empty": "",
    "spaces": "   \n  \n",
    "only-a-mark": b"\xef\xbb\xbf",
    "one-nul": b"\0",
    "many-nuls": b"\0" * 5000,
    "all-bytes": bytes(range(256)) * 4,
    "latin-1": "name: café\n".encode("latin-1"),
    "utf-16": HEAD.encode("utf-16"),
    "utf-32": HEAD.encode("utf-32"),
    "overlong-utf-8": HEAD.encode() + b"published: \xc0\xaf\n",
    "surrogate-bytes": HEAD.encode() + b"published: \xed\xa0\x80\n",
    "cut-utf-8": HEAD.encode() + b"published: \xf0\x9f",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(100),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "elf": b"\x7fELF" + bytes(100),
    "html": "<!doctype html><html><body>404</body></html>\n",
    "csv": "d,performance\n10,0.5\n",
    "python": "import os\nos.system('true')\n",
    "a-list": "- a\n- b\n",
    "a-number": "3\n",
    "a-word": "quickstart\n",
    "a-boolean": "true\n",
    "null": "~\n",
    "two-documents": HEAD + "---\n" + HEAD,
    "a-directive": "%YAML 9.9\n---\n" + HEAD,
    "unknown-directive": "%TAG ! tag:evil,2000:\n---\n!x " + HEAD,
    "tabs": "name:\tx\n\tdataset: digits\n",
    "an-unclosed-quote": HEAD + 'published: "x\n',
    "an-unclosed-list": HEAD + "trainable: [a, b\n",
    "an-unclosed-mapping": HEAD + "task: {name: x\n",
    "an-unknown-escape": HEAD + 'published: "\\q"\n',
    "an-escape-beyond-unicode": HEAD + 'published: "\\U00110000"\n',
    "an-escape-far-beyond-unicode": HEAD + 'published: "\\UFFFFFFFF"\n',
    "a-key-escape-beyond-unicode": HEAD + '"\\U00110000": 1\n',
    "an-escape-beyond-unicode-in-braces": HEAD + 'task: {name: 1, "\\U00110000": 1}\n',
    "an-escape-beyond-unicode-in-brackets": HEAD + 'trainable: [a, {b: "\\U00110000": 1}]\n',
    "a-version-of-many-digits": "%YAML 1." + "9" * 5000 + "\n---\n" + HEAD,
    "an-escape-cut-short": HEAD + 'published: "\\U0011"\n',
    "a-lone-surrogate": _NO_MODEL + 'model: {name: "./m.py:f", a: "\\ud800"}\n',
    "a-lone-low-surrogate": _NO_MODEL + 'model: {name: "./m.py:f", a: "\\udc80"}\n',
    "a-surrogate-key": _NO_MODEL + 'model: {name: "./m.py:f", "\\ud800": 1}\n',
    "a-surrogate-key-at-the-top": HEAD + '"\\udfff": 1\n',
    "a-surrogate-in-over": HEAD + 'sweep: {d: [1], over: {"model.\\ud800": [1]}}\n',
    "a-surrogate-name": _NO_NAME + 'name: "\\ud800"\n',
    "escape-in-a-key": HEAD + '"\\e]0;title\\a": 1\n',
    "escape-in-a-name": _NO_NAME + 'name: "\\e[31mred"\n',
    "nul-in-a-name": _NO_NAME + 'name: "a\\0b"\n',
    "newline-in-a-name": _NO_NAME + 'name: "a\\nb"\n',
    "trailing-newline-in-a-name": _NO_NAME + 'name: "a\\n"\n',
    "path-as-name": _NO_NAME + "name: ../../etc\n",
    "dot-as-name": _NO_NAME + "name: .\n",
    "slash-in-name": _NO_NAME + "name: a/b\n",
    "long-name": _NO_NAME + f"name: {'a' * 5000}\n",
    "huge-name": _NO_NAME + f"name: {'a' * 500_000}\n",
    "emoji-name": _NO_NAME + "name: \U0001f600\n",
    "backspace-key": HEAD + '"\\b\\b\\b": 1\n',
    "newline-key": HEAD + '"a\\nb": 1\n',
    "u-fffe-key": HEAD + '"\\uFFFE": 1\n',
    "c1-key": HEAD + '"\\x9b31m": 1\n',
    "angle-key": HEAD + "<x: 1\n",
    "angle-key-twice": HEAD + "'<<': 1\n'<<x': 2\n",
    "bracket-key": HEAD + "'[x': 1\n",
    "bracket-key-in-a-component": HEAD + "projector: {name: dense, '[x': 1}\n",
    "angle-key-in-a-component": HEAD + "projector: {name: dense, '<x': 1}\n",
    "angle-key-in-training": _NO_TRAINING + "training: {epochs: 1, '<x': 1}\n",
    "bracket-key-in-training": _NO_TRAINING + "training: {epochs: 1, '[x]': 1}\n",
    "angle-key-in-over": HEAD + "sweep: {d: [1], over: {'<model': [1]}}\n",
    "bracket-key-in-over": HEAD + "sweep: {d: [1], over: {'[model': [1]}}\n",
    "angle-key-in-seeds": HEAD + "seeds: {'<lists>': [1]}\n",
    "angle-key-in-sweep-seeds": HEAD + "sweep: {d: [1], seeds: {'<number>': [1]}}\n",
    "angle-key-in-a-grid": HEAD + "sweep: {d: {from: 1, to: 2, steps: 2, '<x': 1}}\n",
    "key-of-a-list": HEAD + "? [a, b]\n: 1\n",
    "key-of-a-mapping": HEAD + "? {a: b}\n: 1\n",
    "empty-key": HEAD + "'': 1\n",
    "null-key": HEAD + "~: 1\n",
    "number-keys": HEAD + "1: 1\n1.5: 2\ntrue: 3\n",
    "dotted-key-at-the-top": HEAD + "training.epochs: 3\n",
    "long-key": HEAD + f"{'k' * 1000}: 1\n",
    "very-long-key": HEAD + f"? {'k' * 200_000}\n: 1\n",
    "duplicate-keys": HEAD + "model: fc\nmodel: lenet\n",
    "many-duplicate-keys": HEAD + "model: fc\n" * 3000,
    # --- merge keys that are none
    "merge-of-a-number": HEAD + "task: {<<: 3, name: classify}\n",
    "merge-of-text": HEAD + "task: {<<: x, name: classify}\n",
    "merge-of-a-list-of-numbers": HEAD + "task: {<<: [1, 2], name: classify}\n",
    "merge-of-null": HEAD + "task: {<<: , name: classify}\n",
    "merge-of-itself": HEAD + "task: &t {<<: *t, name: classify}\n",
    "merge-of-an-unknown-alias": HEAD + "task: {<<: *nobody}\n",
    "merge-brings-unknown-keys": HEAD + "task: {<<: {x: 1}, name: classify}\n",
    "merge-brings-keys-with-a-surrogate": HEAD + 'task: {<<: {"\\ud800": 1}, name: classify}\n',
    "merge-at-the-top-of-a-list": HEAD + "<<: [a]\n",
    "merges-that-double": "".join(
        [
            f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}\n" if i else "a0: &a0 {k: 1}\n"
            for i in range(25)
        ]
    ),
    # --- tags, anchors
    "python-object": HEAD + "published: !!python/object/apply:os.system [true]\n",
    "python-name": HEAD + "published: !!python/name:os.system\n",
    "binary": HEAD + "published: !!binary aGk=\n",
    "timestamp": HEAD + "d: !!timestamp 2001-12-14\n",
    "set": HEAD + "task: !!set {name, x}\n",
    "ordered-map": HEAD + "task: !!omap [name: x]\n",
    "pairs": HEAD + "task: !!pairs [name: x]\n",
    "int-tag-on-text": HEAD + "d: !!int x\n",
    "int-tag-on-a-list": HEAD + "d: !!int [1]\n",
    "str-tag-on-a-mapping": HEAD + "d: !!str {a: 1}\n",
    "map-tag-on-text": HEAD + "task: !!map x\n",
    "seq-tag-on-text": HEAD + "trainable: !!seq x\n",
    "null-tag-on-text": HEAD + "d: !!null x\n",
    "bool-tag-on-text": HEAD + "d: !!bool x\n",
    "float-tag-on-text": HEAD + "d: !!float x\n",
    "merge-tag-on-text": HEAD + "d: !!merge x\n",
    "value-tag": HEAD + "d: =\n",
    "local-tag": HEAD + "d: !mine 3\n",
    "billion-laughs": "a: &a [x]\n"
    + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "alias-of-itself": HEAD + "trainable: &t [*t]\n",
    "alias-within-itself": HEAD + "task: &t {name: classify, x: {y: *t}}\n",
    "unknown-alias": HEAD + "d: *d\n",
    "anchor-alone": HEAD + "d: &\n",
    "20000-anchors": "".join(f"k{i}: &a{i} 1\n" for i in range(20_001)),
    # --- deep, long, large
    "deep-lists": HEAD + f"trainable: {'[' * _DEEP}{']' * _DEEP}\n",
    "deep-lists-unclosed": HEAD + f"trainable: {'[' * 100_000}\n",
    "deep-mappings": HEAD + f"task: {'{a: ' * _DEEP}1{'}' * _DEEP}\n",
    "deep-blocks": HEAD + "".join(f"{' ' * i}a:\n" for i in range(500)),
    "deep-json": '{"a":' * _DEEP + "1" + "}" * _DEEP,
    "deep-keys": HEAD + "? " * 2000 + "a\n",
    "deep-sequence-marks": HEAD + "trainable:\n" + "- " * 2000 + "a\n",
    "deep-own-parameter": _NO_MODEL + f"model: {{name: './m.py:f', a: {'[' * 39}1{']' * 39}}}\n",
    "dotted-key-of-2000-parts": HEAD + f"sweep: {{d: [1], over: {{model{'.a' * 2000}: [1]}}}}\n",
    "dotted-set-of-2000-parts": HEAD + f"sweep: {{d: [1], baseline: {{set: {{model{'.a' * 2000}: 1}}}}}}\n",
    "dotted-key-of-100000-parts": HEAD + f"sweep: {{d: [1], over: {{? training{'.a' * 100_000} : [1]}}}}\n",
    "dots-alone": HEAD + f"sweep: {{d: [1], over: {{? 'model{'.' * 50_000}' : [1]}}}}\n",
    "inner-of-inner": HEAD + "projector: " + "{name: layerwise, inner: " * 19 + "dense" + "}" * 19 + "\n",
    "over-of-2000-unknown-keys": HEAD
    + "sweep: {d: [1], over: {"
    + ", ".join(f"unknown_key_number_{i}: [1]" for i in range(2000))
    + "}}\n",
    "over-of-2000-long-unknown-keys": HEAD
    + "sweep:\n  d: [1]\n  over:\n"
    + "".join(f"    {'projectormodeldataset' * 15}{i}: [1]\n" for i in range(2000)),
    "set-of-2000-unknown-keys": HEAD
    + "sweep: {d: [1], baseline: {set: {"
    + ", ".join(f"unknown_key_number_{i}: 1" for i in range(2000))
    + "}}}\n",
    "5000-unknown-keys": HEAD + "".join(f"unknown_key_{i}: 1\n" for i in range(5000)),
    "2000-unknown-parameters": HEAD
    + "projector: {name: dense, "
    + ", ".join(f"orthogonl{i}: 1" for i in range(2000))
    + "}\n",
    "2000-unknown-components": HEAD
    + "sweep: {d: [1], over: {projector: ["
    + ", ".join(f"tiedd{i}" for i in range(2000))
    + "]}}\n",
    "long-unknown-component": HEAD + f"projector: {'tied' * 5000}\n",
    "million-letter-component": HEAD + f"projector: {'t' * 900_000}\n",
    "too-large": HEAD + "#" * 2**20,
    "over-of-millions": HEAD
    + "sweep: {d: [1], over: {"
    + ", ".join(
        f"{key}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
        for key in (
            "model.depth",
            "model.width",
            "training.batch_size",
            "training.epochs",
            "training.evaluate_every",
            "training.l2",
            "training.clip_norm",
        )
    )
    + "}}\n",
    "over-of-millions-within-one-part": HEAD
    + "sweep: {d: [1], over: {"
    + ", ".join(
        f"training.{key}: {list(range(1, 40))}"
        for key in ("batch_size", "epochs", "evaluate_every", "l2", "clip_norm")
    )
    + "}}\n",
    "over-of-wrong-values": HEAD
    + f"sweep: {{d: [1], over: {{model.depth: [{', '.join(f'x{i}' for i in range(3000))}]}}}}\n",
    "over-of-thousands-of-components": HEAD
    + f"sweep: {{d: [1], over: {{projector: [{', '.join(['tied'] * 9000)}], "
    + f"training.epochs: {list(range(1, 13))}}}}}\n",
    "trainable-of-brackets": HEAD + f'trainable: ["{"[" * 40_000}"]\n',
    "trainable-of-stars": HEAD + f'trainable: ["{"*a" * 40_000}"]\n',
    "trainable-of-9000": HEAD + f"trainable: [{', '.join(['x'] * 19_000)}]\n",
    # --- numbers
    "d-of-400-digits": HEAD + f"d: {'9' * _DIGITS}\n",
    "d-of-5000-digits": HEAD + f"d: {'9' * 5000}\n",
    "d-of-900000-digits": HEAD + f"d: {'9' * 900_000}\n",
    "d-in-hex-of-10000-digits": HEAD + f"d: 0x{'f' * 10_000}\n",
    "d-in-hex-of-900000-digits": HEAD + f"d: 0x{'f' * 900_000}\n",
    "d-in-octal-of-10000-digits": HEAD + f"d: 0o{'7' * 10_000}\n",
    "d-of-2-to-64": HEAD + f"d: {2**64}\n",
    "negative-d": HEAD + f"d: -{'9' * _DIGITS}\n",
    "zero-d": HEAD + "d: 0\n",
    "real-d": HEAD + "d: 1e3\n",
    "infinite-d": HEAD + "d: .inf\n",
    "nan-d": HEAD + "d: .nan\n",
    "d-with-underscores": HEAD + "d: 1__0\n",
    "d-with-a-comma": HEAD + "d: 1,000\n",
    "d-in-arabic-digits": HEAD + "d: ١٢\n",
    "d-of-text": HEAD + f"d: '{'9' * 100_000}'\n",
    "d-is-a-list": HEAD + "d: [1]\n",
    "seed-of-400-digits": HEAD + f"seeds: {'9' * _DIGITS}\n",
    "seed-of-2-to-63": HEAD + f"seeds: {2**63}\n",
    "negative-seed": HEAD + "seeds: {theta0: -1}\n",
    "seeds-of-400-digits": HEAD + f"sweep: {{d: [1], seeds: {'9' * _DIGITS}}}\n",
    "seed-lists-without-end": HEAD
    + f"sweep: {{d: [1], seeds: {{theta0: {list(range(1500))}, projector: {list(range(1500))}}}}}\n",
    "grid-of-10-to-18-steps": HEAD + f"sweep: {{d: {{from: 1, to: 9, steps: {10**18}}}}}\n",
    "grid-of-400-digit-steps": HEAD + f"sweep: {{d: {{from: 1, to: 9, steps: {'9' * _DIGITS}}}}}\n",
    "grid-without-steps": HEAD + f"sweep: {{d: {{from: 1, to: {10**18}}}}}\n",
    "grid-to-10-to-400": HEAD + f"sweep: {{d: {{from: 1, to: {10**400}, steps: 5}}}}\n",
    "log-grid-to-10-to-400": HEAD + f"sweep: {{d: {{from: 1, to: {10**400}, steps: 5, scale: log}}}}\n",
    "grid-from-10-to-400": HEAD + f"sweep: {{d: {{from: {10**400}, to: {10**401}, steps: 5}}}}\n",
    "grid-to-10-to-4000": HEAD + f"sweep: {{d: {{from: 1, to: {'9' * 4000}, steps: 5}}}}\n",
    "grid-backwards": HEAD + "sweep: {d: {from: 9, to: 1, steps: 5}}\n",
    "d-list-with-10-to-400": HEAD + f"sweep: {{d: [1, {10**400}]}}\n",
    "d-list-with-10-to-18": HEAD + f"sweep: {{d: [1, {2**63}]}}\n",
    "d-list-of-lists": HEAD + "sweep: {d: [[1]]}\n",
    "19000-wrong-d": HEAD + f"sweep: {{d: [{', '.join(['x'] * 19_000)}]}}\n",
    "epochs-of-400-digits": _NO_TRAINING + f"training: {{epochs: {'9' * _DIGITS}}}\n",
    "steps-of-400-digits": _NO_TRAINING + f"training: {{steps: {'9' * _DIGITS}}}\n",
    "batch-of-400-digits": _NO_TRAINING + f"training: {{epochs: 1, batch_size: {'9' * _DIGITS}}}\n",
    "evaluate-every-400-digits": _NO_TRAINING + f"training: {{epochs: 1, evaluate_every: {'9' * _DIGITS}}}\n",
    "l2-of-400-digits": _NO_TRAINING + f"training: {{epochs: 1, l2: {'9' * _DIGITS}}}\n",
    "l2-beyond-reals": _NO_TRAINING + "training: {epochs: 1, l2: 1e400}\n",
    "lr-of-400-digits": _NO_TRAINING
    + f"training: {{epochs: 1, optimizer: {{name: adam, lr: {'9' * _DIGITS}}}}}\n",
    "lr-beyond-reals": _NO_TRAINING + "training: {epochs: 1, optimizer: {name: adam, lr: 1e999}}\n",
    "lr-nan": _NO_TRAINING + "training: {epochs: 1, optimizer: {name: adam, lr: .nan}}\n",
    "betas-without-end": _NO_TRAINING
    + f"training: {{epochs: 1, optimizer: {{name: adam, betas: {[0.5] * 9000}}}}}\n",
    "fraction-of-400-digits": HEAD + f"threshold: {{fraction: {'9' * _DIGITS}}}\n",
    "fraction-nan": HEAD + "threshold: {fraction: .nan}\n",
    "baseline-of-400-digits": HEAD + f"threshold: {{baseline: {'9' * _DIGITS}}}\n",
    "levels-of-400-digits": HEAD + f"quantise: {{levels: {'9' * _DIGITS}}}\n",
    "depth-of-400-digits": _NO_MODEL + f"model: {{name: fc, depth: {'9' * _DIGITS}}}\n",
    "depth-of-a-billion": _NO_MODEL + "model: {name: fc, depth: 1000000000}\n",
    "width-of-400-digits": _NO_MODEL + f"model: {{name: fc, width: {'9' * _DIGITS}}}\n",
    "own-integer-of-5000-digits": _NO_MODEL + f"model: {{name: './m.py:f', a: {'9' * 5000}}}\n",
    "precision-of-400-digits": HEAD + f"sweep: {{search: {{name: adaptive, precision: {'9' * _DIGITS}}}}}\n",
    "max-runs-of-400-digits": HEAD + f"sweep: {{search: {{name: adaptive, max_runs: {'9' * _DIGITS}}}}}\n",
    "runs-without-end": HEAD + f"sweep: {{d: {list(range(1, 2000))}, seeds: 100}}\n",
    # --- components and code
    "component-without-name": HEAD + "projector: {}\n",
    "component-of-null": HEAD + "projector:\n",
    "component-of-a-number": HEAD + "projector: 3\n",
    "component-of-a-list": HEAD + "projector: [tied]\n",
    "name-is-a-mapping": HEAD + "projector: {name: {name: tied}}\n",
    "empty-component": HEAD + "projector: ''\n",
    "component-with-escape": HEAD + 'projector: "\\e[2Jtied"\n',
    "component-with-nul": HEAD + 'projector: "ti\\0ed"\n',
    "component-with-newline": HEAD + 'projector: "tied\\nok"\n',
    "inner-layerwise": HEAD + "projector: {name: layerwise, inner: layerwise}\n",
    "main-module": _NO_MODEL + "model: __main__:x\n",
    "main-module-dataset": _NO_DATASET + "dataset: __main__:load\n",
    "no-module": _NO_MODEL + "model: ':x'\n",
    "no-attribute": _NO_MODEL + "model: 'x:'\n",
    "dots-as-module": _NO_MODEL + "model: '...:x'\n",
    "relative-module": _NO_MODEL + "model: '.os:x'\n",
    "module-with-slashes": _NO_MODEL + "model: 'a/b/c:x'\n",
    "module-with-nul": _NO_MODEL + 'model: "a\\0b:x"\n',
    "module-with-escape": _NO_MODEL + 'model: "a\\e[31mb:x"\n',
    "module-with-newline": _NO_MODEL + 'model: "a\\nb:x"\n',
    "module-of-2000-parts": _NO_MODEL + f"model: {'.'.join(['a'] * 2000)}:x\n",
    "module-of-emoji": _NO_MODEL + "model: \U0001f600:x\n",
    "file-of-nul": _NO_MODEL + 'model: "./a\\0.py:x"\n',
    "file-that-is-not-there": _NO_MODEL + "model: ./nothing.py:x\n",
    "file-that-is-a-folder": _NO_MODEL + "model: ./folder.py:x\n",
    "file-with-5000-letters": _NO_MODEL + f"model: ./{'a' * 5000}.py:x\n",
    "file-with-5000-folders": _NO_MODEL + f"model: {'a/' * 5000}x.py:x\n",
    "file-with-300-letters": _NO_MODEL + f"model: ./{'a' * 300}.py:x\n",
    "file-that-is-a-device": _NO_MODEL + "model: ./endless.py:x\n",
    "file-that-is-a-pipe": _NO_MODEL + "model: ./pipe.py:x\n",
    "file-that-is-a-loop": _NO_MODEL + "model: ./loop.py:x\n",
    "file-of-200000-operators": _NO_MODEL + "model: ./operators.py:x\n",
    "file-of-200000-brackets": _NO_MODEL + "model: ./brackets.py:x\n",
    "file-of-nuls": _NO_MODEL + "model: ./nuls.py:x\n",
    "file-that-is-latin-1": _NO_MODEL + "model: ./latin.py:x\n",
    "file-of-32-mib": _NO_MODEL + "model: ./large.py:x\n",
    "file-that-is-an-extension": _NO_MODEL + "model: ./compiled.so:x\n",
    "file-that-is-an-extension-called-py": _NO_MODEL + "model: ./compiled.py:x\n",
    "file-alone": _NO_MODEL + "model: ./m.py\n",
    "object-that-is-not-there": _NO_MODEL + "model: ./m.py:nothing\n",
    "object-with-dots": _NO_MODEL + "model: ./m.py:a.b.c\n",
    "object-with-escape": _NO_MODEL + 'model: "./m.py:\\e[31m"\n',
    "own-parameter-surrogate": _NO_MODEL + 'model: {name: "./m.py:f", a: ["\\udc80"]}\n',
    # --- values of other kinds
    "published-number": HEAD + "published: 3\n",
    "published-long": HEAD + f"published: {'mnist-fc' * 20_000}\n",
    "published-with-escape": HEAD + 'published: "\\e[31m"\n',
    "published-list": HEAD + "published: [a]\n",
    "device-with-newline": HEAD + 'device: "cpu\\n"\n',
    "device-long": HEAD + f"device: {'cuda:' + '1' * 5000}x\n",
    "device-of-arabic-digits": HEAD + "device: cuda:١\n",
    "start-is-a-list": HEAD + "start: [a]\n",
    "data-root-is-a-number": HEAD + "data_root: 3\n",
    "trackers-number": HEAD + "trackers: 3\n",
    "trackers-of-thousands": HEAD + f"trackers: [{', '.join(['nobody'] * 5000)}]\n",
    "trackers-deep": HEAD + "trackers: [[[[tensorboard]]]]\n",
    "training-is-a-list": _NO_TRAINING + "training: [1]\n",
    "training-is-null": _NO_TRAINING + "training:\n",
    "training-is-text": _NO_TRAINING + "training: lots\n",
    "sweep-is-text": HEAD + "sweep: all\n",
    "sweep-over-is-a-list": HEAD + "sweep: {d: [1], over: [a]}\n",
    "sweep-over-of-nothing": HEAD + "sweep: {d: [1], over: {model.depth: []}}\n",
    "sweep-over-of-a-scalar": HEAD + "sweep: {d: [1], over: {model.depth: 1}}\n",
    "sweep-over-sweep": HEAD + "sweep: {d: [1], over: {sweep.d: [[1]]}}\n",
    "sweep-over-a-value-below-a-value": HEAD + "sweep: {d: [1], over: {training.epochs.x: [1]}}\n",
    "sweep-over-both-budgets": HEAD + "sweep: {d: [1], over: {training.epochs: [1], training.steps: [1]}}\n",
    "sweep-set-is-a-list": HEAD + "sweep: {d: [1], baseline: {set: [a]}}\n",
    "sweep-search-is-a-list": HEAD + "sweep: {d: [1], search: [grid]}\n",
    "sweep-search-name-is-a-list": HEAD + "sweep: {search: {name: [grid]}}\n",
    "sweep-search-unknown": HEAD + "sweep: {search: gird}\n",
    "threshold-is-a-list": HEAD + "threshold: [1]\n",
    "threshold-baseline-is-a-mapping": HEAD + "threshold: {baseline: {a: 1}}\n",
    "everything-is-null": "name:\ndataset:\nmodel:\ntraining:\nsweep:\nd:\nseeds:\n",
    "everything-is-a-list": "name: []\ndataset: []\nmodel: []\ntraining: []\nsweep: []\nd: []\nseeds: []\n",
    "everything-is-true": "name: true\ndataset: true\nmodel: true\ntraining: true\nsweep: true\nd: true\n",
    "everything-is-deep": "".join(
        f"{key}: {'{a: ' * 30}1{'}' * 30}\n" for key in ("name", "dataset", "model", "training", "sweep", "d")
    ),
}
