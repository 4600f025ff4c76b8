//! Conditions in CEL on the name of the tool, as far as a policy can say the same. Each form only adds or narrows, none
//! negates: what a policy cannot hold may be left out without granting more.

use super::names::Names;

/// The name of the tool, in the conditions of `XAccessPolicy`.
const VARIABLE: &str = "request.mcp.tool_name";

/// What the controller looks for in the whole text, literals included.
const REQUEST: &str = "request.";

/// The tools that a condition holds for.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) tools: Names,
    /// Literals that a policy cannot say, and why.
    pub(super) unsayable: Vec<(String, &'static str)>,
}

/// Deepest nesting of brackets.
const MAX_DEPTH: usize = 32;

/// Reads a condition; `None` where a policy cannot say the same.
pub(super) fn read(text: &str) -> Option<Condition> {
    let mut reader = Reader { rest: text, unsayable: Vec::new(), depth: 0 };
    let tools = reader.either()?;
    reader.skip_space();
    reader.rest.is_empty().then_some(Condition { tools, unsayable: reader.unsayable })
}

struct Reader<'t> {
    rest: &'t str,
    unsayable: Vec<(String, &'static str)>,
    depth: usize,
}

impl<'t> Reader<'t> {
    /// `a || b`
    fn either(&mut self) -> Option<Names> {
        let mut tools = self.both()?;
        while self.take("||") {
            tools.join(&self.both()?);
        }
        Some(tools)
    }

    /// `a && b`, which binds closer.
    fn both(&mut self) -> Option<Names> {
        let mut tools = self.one()?;
        while self.take("&&") {
            let (common, is_whole) = tools.meet(&self.one()?);
            tools = is_whole.then_some(common)?;
        }
        Some(tools)
    }

    fn one(&mut self) -> Option<Names> {
        if self.take("(") {
            self.depth += 1;
            let inner = (self.depth <= MAX_DEPTH).then(|| self.either()).flatten()?;
            self.depth -= 1;
            return self.take(")").then_some(inner);
        }
        if let Some(literal) = self.literal() {
            let is_compared = self.take("==") && self.word() == Some(VARIABLE);
            return is_compared.then(|| self.exact(&literal));
        }
        match self.word()? {
            "true" => Some(Names::all()),
            "false" => Some(Names::default()),
            VARIABLE if self.take("==") => self.literal().map(|literal| self.exact(&literal)),
            VARIABLE => (self.word()? == "in").then(|| self.list()).flatten(),
            word => {
                let (before, after) = match word.strip_prefix(VARIABLE)? {
                    ".startsWith" => ("", "*"),
                    ".endsWith" => ("*", ""),
                    ".contains" => ("*", "*"),
                    _ => return None,
                };
                let literal = if self.take("(") { self.literal()? } else { return None };
                self.take(")").then(|| self.named(Names::like(before, &literal, after), &literal))
            }
        }
    }

    /// `["a", "b"]`
    fn list(&mut self) -> Option<Names> {
        let mut tools = Names::default();
        if !self.take("[") {
            return None;
        }
        while !self.take("]") {
            let literal = self.literal()?;
            tools.join(&self.exact(&literal));
            if !self.take(",") {
                return self.take("]").then_some(tools);
            }
        }
        Some(tools)
    }

    fn exact(&mut self, literal: &str) -> Names {
        self.named(Names::exact(literal), literal)
    }

    fn named(&mut self, names: Result<Names, &'static str>, literal: &str) -> Names {
        names.unwrap_or_else(|why| {
            self.unsayable.push((literal.to_owned(), why));
            Names::default()
        })
    }

    /// A string in single or double quotes, without escapes.
    fn literal(&mut self) -> Option<String> {
        self.skip_space();
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (literal, rest) = self.rest.get(1..)?.split_once(quote)?;
        if literal.contains(['\\', '\n', '\r']) || literal.contains(REQUEST) {
            return None;
        }
        self.rest = rest;
        Some(literal.to_owned())
    }

    /// A name with its members: letters, digits, `_` and `.`.
    fn word(&mut self) -> Option<&'t str> {
        self.skip_space();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        let (word, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(text: &str) -> Option<String> {
        let condition = read(&text.replace("NAME", VARIABLE))?;
        Some(condition.tools.iter().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_a_policy_can_say_is_said() {
        for (text, said) in [
            ("NAME == \"a\"", "a"),
            ("'a' == NAME", "a"),
            ("NAME in ['a', \"b\",]", "a b"),
            ("NAME in []", ""),
            ("NAME.startsWith('get_')", "get_*"),
            ("NAME.endsWith('_x') || NAME.contains( \"y\" )", "*_x *y*"),
            ("(NAME == 'a' || NAME == 'b') && NAME != 'a' || true", ""),
            ("NAME in ['a', 'b'] && (NAME == 'b' || NAME == 'c')", "b"),
            ("NAME == 'a' || NAME == 'b' && NAME == 'c'", "a"),
            ("false || true", "*"),
            ("NAME.startsWith('')", "*"),
        ] {
            let expected = (!text.contains("!=")).then(|| said.to_owned());
            assert_eq!(tools(text), expected, "{text}");
        }
    }

    #[test]
    fn all_else_is_left() {
        for text in [
            "",
            "NAME",
            "!(NAME == 'a')",
            "NAME != 'a'",
            "NAME == 'a' ? true : false",
            "NAME == 'a",
            "NAME == 'a' 'b'",
            "NAME == r'a'",
            "NAME == '''a'''",
            "NAME == 'a\\x62'",
            "NAME == 'request.mcp.tool_name'",
            "NAME2 == 'a'",
            "request .mcp.tool_name == 'a'",
            "request.headers['x'] == 'a'",
            "NAME.matches('a.*')",
            "NAME.startsWith('a') && NAME.endsWith('b')",
            "NAME == 'a' || request.method == 'POST'",
            "NAME == 'a' || // NAME == 'b'",
            "NAME in ['a' 'b']",
            "NAME in [NAME]",
            "true == true",
            &format!("{}NAME == 'a'{}", "(".repeat(40), ")".repeat(40)),
        ] {
            assert_eq!(tools(text), None, "{text}");
        }
    }

    #[test]
    fn a_star_in_a_literal_is_left_out_and_told() {
        let condition = read(&format!("{VARIABLE} in ['a*', 'b']")).expect("a condition");
        assert_eq!(condition.tools.iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(condition.unsayable.len(), 1);
    }
}
