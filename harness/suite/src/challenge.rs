//! Reads `WWW-Authenticate` (RFC 9110 section 11.6.1), as far as a Bearer challenge needs it.

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme, as written.
    pub scheme: String,
    /// The parameters: name in lower case, value unquoted.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether the scheme is Bearer.
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Bearer")
    }
}

/// Reads all challenges of one field value.
///
/// # Errors
/// What is wrong, in words.
pub fn parse(value: &str) -> Result<Vec<Challenge>, String> {
    if let Some(bad) = value.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(format!("control character U+{:04X}", u32::from(bad)));
    }
    let mut reader = Reader { rest: value };
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        reader.skip(&[' ', '\t', ',']);
        if reader.rest.is_empty() {
            return Ok(challenges);
        }
        let word = reader.token()?;
        let spaced = reader.rest.starts_with([' ', '\t']);
        reader.skip(&[' ', '\t']);
        if let Some(after) = reader.rest.strip_prefix('=').filter(|_| !challenges.is_empty()) {
            reader.rest = after;
            reader.skip(&[' ', '\t']);
            let value = reader.value()?;
            if let Some(challenge) = challenges.last_mut() {
                let name = word.to_ascii_lowercase();
                if challenge.parameter(&name).is_some() {
                    return Err(format!("parameter {name} twice"));
                }
                challenge.parameters.push((name, value));
            }
            reader.skip(&[' ', '\t']);
            if !reader.rest.is_empty() && !reader.rest.starts_with(',') {
                return Err("no comma between parameters".to_owned());
            }
        } else {
            challenges.push(Challenge { scheme: word, parameters: Vec::new() });
            if spaced {
                reader.token68();
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip(&mut self, what: &[char]) {
        self.rest = self.rest.trim_start_matches(what);
    }

    fn token(&mut self) -> Result<String, String> {
        let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.rest.find(|c| !tchar(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(format!("unexpected {:?}", self.rest.chars().next().unwrap_or(' ')));
        }
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(token.to_owned())
    }

    /// Skips a token68, which stands for parameters in some schemes (RFC 9110 section 11.2).
    fn token68(&mut self) {
        let text = self.rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        let after = text.trim_start_matches('=').trim_start_matches([' ', '\t']);
        if text.len() < self.rest.len() && (after.is_empty() || after.starts_with(',')) {
            self.rest = after;
        }
    }

    fn value(&mut self) -> Result<String, String> {
        let Some(quoted) = self.rest.strip_prefix('"') else { return self.token() };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Ok(value);
                }
                '\\' => value.push(characters.next().ok_or("a backslash at the end")?.1),
                other => value.push(other),
            }
        }
        Err("a quoted string without end".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_challenges_and_quoted_strings() {
        let value =
            r#"Basic realm="a, b", bearer error="invalid_proof" , error_description="say \"no\"", DPoP algs=ES256"#;
        let challenges = parse(value).unwrap();
        assert_eq!(challenges.len(), 3);
        assert_eq!(challenges[0].parameter("realm"), Some("a, b"));
        assert!(challenges[1].is_bearer());
        assert_eq!(challenges[1].parameter("error_description"), Some("say \"no\""));
        assert_eq!(parse("Bearer").unwrap()[0].parameters, []);
        let challenges = parse("Negotiate YII0+/w==, Bearer error=\"x\", NTLM TlRM").unwrap();
        let schemes: Vec<_> = challenges.iter().map(|c| (c.scheme.as_str(), c.parameters.len())).collect();
        assert_eq!(schemes, [("Negotiate", 0), ("Bearer", 1), ("NTLM", 0)]);
        assert_eq!(parse("a, b").unwrap().len(), 2, "two schemes without anything");
    }

    #[test]
    fn refuses_what_is_none() {
        for bad in
            ["Bearer error=\"x", "Bearer error=\"a\" b=\"c\"", "\"x\"", "Bearer a=1, a=2", "Bearer error=\"a\r\n b\""]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
