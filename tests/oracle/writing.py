"""JSON written by hand: members in any order and as often as wanted, any spelling of strings, any white space."""

import json


class Raw(str):
    """Text that goes out as it is."""


class Obj(list):
    """An object as pairs."""

    def __init__(self, *pairs, **named):
        super().__init__([*pairs, *named.items()])

    def get(self, key):
        return next((value for name, value in self if name == key), None)

    def set(self, key, value):
        for index, (name, _) in enumerate(self):
            if name == key:
                self[index] = (key, value)
                return
        self.append((key, value))

    def drop(self, key):
        self[:] = [pair for pair in self if pair[0] != key]


def write(random, value):
    def space():
        return random.choice(["", "", "", "", " ", "\n\t", "\r\n"]) if airy else ""

    def string(text):
        if isinstance(text, Raw):
            return text
        written = json.dumps(text, ensure_ascii=random.random() < 0.5)
        if random.random() < 0.1 and "\\" not in written:
            index = random.randrange(1, len(written))
            if index < len(written) - 1 and ord(written[index]) < 0x10000:
                written = f"{written[:index]}\\u{ord(written[index]):04X}{written[index + 1:]}"
        return written.replace("/", "\\/") if random.random() < 0.1 and "\\" not in written else written

    def one(value):
        if isinstance(value, Raw):
            return value
        if isinstance(value, Obj):
            pairs = random.sample(value, len(value)) if random.random() < 0.5 else value
            items = [f"{space()}{string(key)}{space()}:{space()}{one(item)}{space()}" for key, item in pairs]
            return "{" + (",".join(items) or space()) + "}"
        if isinstance(value, list):
            return "[" + ",".join(space() + one(item) + space() for item in value) + "]"
        return string(value) if isinstance(value, str) else json.dumps(value)

    airy = random.random() < 0.3
    return space() + one(value) + space()
