//! Inputs as people write requests: lines of a head, an empty line, a body.

/// A request line's parts and headers, as a proxy shows them to a filter.
pub type Head = Vec<(String, String)>;

/// Splits an input into the lines before its first empty line, and what follows that.
pub fn split(data: &[u8]) -> Option<(Vec<&str>, &[u8])> {
    let end = data.windows(2).position(|pair| pair == b"\n\n")?;
    let head = str::from_utf8(&data[..end]).ok()?;
    Some((head.split('\n').collect(), &data[end + 2..]))
}

/// Lines `name: value`, or `:name: value`; names in lower case, as proxies hand them on.
pub fn read(lines: &[&str]) -> Head {
    let header = |line: &&str| {
        let start = usize::from(line.starts_with(':'));
        let colon = line.get(start..)?.find(": ")? + start;
        Some((line[..colon].to_ascii_lowercase(), line[colon + 2..].to_owned()))
    };
    lines.iter().filter_map(header).collect()
}

/// All values of a header.
pub fn values<'a>(head: &'a Head, name: &str) -> Vec<&'a str> {
    head.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
}
