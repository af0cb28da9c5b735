"""Values of declared types as JSON, written and read by pydantic."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import SchemaSerializer, SchemaValidator

from .errors import DecodeError, EncodeError, UnsupportedTypeError
from .schema import SETTINGS, rewrite


class ValueCodec:
    """Writes and reads the values of one type.

    Attributes:
        type: The type.
        name: Its name, unique in its `Codec`, and the same in every process.
    """

    def __init__(self, type_: Any, name: str) -> None:
        from pydantic import TypeAdapter  # here, because importing pydantic's insides takes a while

        self.type = type_
        self.name = name
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(type_)
            schema = rewrite(self._adapter.core_schema)
            config: Any = dict(SETTINGS)
            self._validator = SchemaValidator(schema, config, _use_prebuilt=False)  # pyright: ignore[reportCallIssue]
            self._serializer = SchemaSerializer(schema, config, _use_prebuilt=False)  # pyright: ignore[reportCallIssue]
        except Exception as error:
            raise UnsupportedTypeError(f"{name}: {error}") from error

    def dump(self, value: Any) -> bytes:
        """As compact JSON.

        Raises:
            EncodeError: The value is not of the type.
        """
        try:
            return self._serializer.to_json(value, warnings="error")
        except Exception as error:
            raise EncodeError(f"{value!r} is not what is declared, {self.name}: {error}") from error

    def load(self, data: bytes | str) -> Any:
        """From JSON.

        Raises:
            DecodeError: It does not fit the type.
        """
        from pydantic import ValidationError

        try:
            return self._validator.validate_json(data)
        except ValidationError as error:
            found = [{"loc": list(e["loc"]), "msg": e["msg"], "type": e["type"]} for e in error.errors()]
            raise DecodeError(str(error), found) from error

    def load_python(self, value: Any) -> Any:
        """From a JSON tree.

        Raises:
            DecodeError: It does not fit the type.
        """
        return self.load(json.dumps(value))

    def json_schema(self) -> dict[str, Any]:
        """What others may send, as a JSON schema."""
        return self._adapter.json_schema()


class Codec:
    """The types that one graph declares."""

    def __init__(self) -> None:
        self._codecs: dict[str, ValueCodec] = {}

    def of(self, type_: Any) -> ValueCodec:
        """The codec of a type, which is declared by this.

        Raises:
            UnsupportedTypeError: It cannot cross between processes.
        """
        name = type_.__qualname__ if isinstance(type_, type) and not hasattr(type_, "__args__") else str(type_)
        if name not in self._codecs:
            self._codecs[name] = ValueCodec(type_, name)
        return self._codecs[name]

    def named(self, name: str) -> ValueCodec:
        """The codec of a type that was declared before.

        Raises:
            KeyError: It was not.
        """
        return self._codecs[name]
