"""What in a new OpenAPI document would break a client that was written against the old one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


def breaking(old: Schema, new: Schema) -> list[str]:
    """Return a sentence for each difference that an existing client would notice; none for additions."""
    return list(_Comparison(old, new).paths())


@dataclass(frozen=True, slots=True)
class _Comparison:
    old: Schema
    new: Schema

    def paths(self) -> Iterator[str]:
        for path, methods in self.old["paths"].items():
            if path not in self.new["paths"]:
                yield f"{path}: the path is gone"
                continue
            for method, was in methods.items():
                at = f"{method.upper()} {path}"
                if method not in self.new["paths"][path]:
                    yield f"{at}: the method is gone"
                else:
                    yield from self._operation(at, was, self.new["paths"][path][method])

    def _operation(self, at: str, was: Schema, now: Schema) -> Iterator[str]:
        if was["operationId"] != now["operationId"]:
            yield f"{at}: operationId {was['operationId']} became {now['operationId']} (generated clients)"
        for way in was.get("security", [{}]):
            if way not in now.get("security", [{}]):
                yield f"{at}: {' and '.join(way) or 'no HTTP authentication'} is not enough any more"
        yield from self._parameters(at, was.get("parameters", []), now.get("parameters", []))
        yield from self._request(f"{at}, request", was.get("requestBody"), now.get("requestBody"))
        for status, answer in was["responses"].items():
            where = f"{at}, {status}"
            if status not in now["responses"]:
                yield f"{where}: the answer is gone"
            else:
                yield from self._answer(where, answer, now["responses"][status])

    def _parameters(self, at: str, was: list[Schema], now: list[Schema]) -> Iterator[str]:
        before = {(parameter["in"], parameter["name"]): parameter for parameter in was}
        after = {(parameter["in"], parameter["name"]): parameter for parameter in now}
        for key, parameter in before.items():
            where = f"{at}, {key[0]} parameter {key[1]}"
            if key not in after:
                yield f"{where}: it is gone"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{where}: it became required"
            yield from self._sent(where, parameter["schema"], after[key]["schema"])
        for key in after.keys() - before.keys():
            if after[key].get("required"):
                yield f"{at}, {key[0]} parameter {key[1]}: new and required"

    def _request(self, at: str, was: Schema | None, now: Schema | None) -> Iterator[str]:
        if now is not None and now.get("required") and not (was or {}).get("required"):
            yield f"{at}: a body became required"
        if was is None:
            return
        for media_type, content in was["content"].items():
            if now is None or media_type not in now["content"]:
                yield f"{at}: {media_type} is not read any more"
            else:
                yield from self._sent(at, content["schema"], now["content"][media_type]["schema"])

    def _answer(self, at: str, was: Schema, now: Schema) -> Iterator[str]:
        for name, header in was.get("headers", {}).items():
            if name not in now.get("headers", {}):
                yield f"{at}, header {name}: it is gone"
            elif header.get("required") and not now["headers"][name].get("required"):
                yield f"{at}, header {name}: it may be missing now"
        for media_type, content in was.get("content", {}).items():
            if media_type not in now.get("content", {}):
                yield f"{at}: {media_type} is not sent any more"
            else:
                yield from self._received(at, content["schema"], now["content"][media_type]["schema"])

    def _sent(self, at: str, was: Schema, now: Schema) -> Iterator[str]:
        """What a client may send: the new document must take all that the old one took."""
        was, now = self._resolved(was, self.old), self._resolved(now, self.new)
        if not _types(was) <= _types(now):
            yield f"{at}: {_named(was)} became {_named(now)}"
            return
        yield from (f"{at}: {narrower}" for narrower in _narrower(was, now))
        for name in set(now.get("required", ())) - set(was.get("required", ())):
            is_new = name not in was.get("properties", {})
            yield f"{at}, field {name}: {'new and required' if is_new else 'it became required'}"
        yield from self._inside(at, was, now, self._sent)

    def _received(self, at: str, was: Schema, now: Schema) -> Iterator[str]:
        """What a client may get: the new document must promise all that the old one promised."""
        was, now = self._resolved(was, self.old), self._resolved(now, self.new)
        if not _types(now) <= _types(was):
            yield f"{at}: {_named(was)} became {_named(now)}"
            return
        if was.get("format") != now.get("format") and "format" in was:
            yield f"{at}: format {was['format']} became {now.get('format', 'any')}"
        for name in set(was.get("required", ())) - set(now.get("required", ())):
            if name in now.get("properties", {}):
                yield f"{at}, field {name}: it may be missing now"
        yield from self._inside(at, was, now, self._received)

    def _inside(self, at: str, was: Schema, now: Schema, compare: Any) -> Iterator[str]:
        for name, field in was.get("properties", {}).items():
            if name not in now.get("properties", {}):
                yield f"{at}, field {name}: it is gone"
            else:
                yield from compare(f"{at}, field {name}", field, now["properties"][name])
        if "items" in was and "items" in now:
            yield from compare(f"{at}, items", was["items"], now["items"])

    def _resolved(self, schema: Schema, document: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        resolved: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return resolved


def _types(schema: Schema) -> set[str]:
    if "oneOf" in schema:
        return set().union(*(_types(choice) for choice in schema["oneOf"]))
    types = schema.get("type", "any")
    return set(types) if isinstance(types, list) else {types}


def _named(schema: Schema) -> str:
    return " or ".join(sorted(_types(schema)))


def _narrower(was: Schema, now: Schema) -> Iterator[str]:
    for word in ("pattern", "format"):
        if word in now and was.get(word) != now[word]:
            yield f"{word} {was.get(word, 'any')} became {now[word]}"
    for word in ("maxLength", "maxItems", "maximum"):
        if word in now and now[word] < was.get(word, float("inf")):
            yield f"{word} {was.get(word, 'any')} became {now[word]}"
    for word in ("minLength", "minItems", "minimum"):
        if word in now and now[word] > was.get(word, float("-inf")):
            yield f"{word} {was.get(word, 'any')} became {now[word]}"
    if "enum" in now and not set(was.get("enum", [None])) <= set(now["enum"]):
        yield f"only {now['enum']} are taken now"
