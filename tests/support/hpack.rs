//! Of HPACK (RFC 7541) what a client with empty header tables needs: literals, and the first field of an answer.

/// A block of literals that nobody remembers.
pub(super) fn encode(block: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in block {
        encoded.push(0);
        for text in [name.as_bytes(), value] {
            let mut rest = text.len();
            if rest < 0x7f {
                encoded.push(u8::try_from(rest).unwrap_or_default());
            } else {
                encoded.push(0x7f);
                rest -= 0x7f;
                while rest > 0x7f {
                    encoded.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or_default());
                    rest >>= 7;
                }
                encoded.push(u8::try_from(rest).unwrap_or_default());
            }
            encoded.extend_from_slice(text);
        }
    }
    encoded
}

/// `:status`, which comes first (RFC 9113, section 8.3), as an index into the static table or as a literal.
pub(super) fn status(block: &[u8]) -> Option<u16> {
    let start = block.iter().position(|byte| byte & 0xe0 != 0x20)?;
    match block.get(start..)? {
        [index @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500].get(usize::from(index - 0x88)).copied(),
        [0x08..=0x0e | 0x18..=0x1e | 0x48..=0x4e, 3, digits @ ..] => {
            str::from_utf8(digits.get(..3)?).ok()?.parse().ok()
        }
        [0x08..=0x0e | 0x18..=0x1e | 0x48..=0x4e, 0x80..=0xff, digits @ ..] => Some(huffman_digits(digits)),
        _ => None,
    }
}

/// Three digits in HPACK's Huffman code: 0 to 2 take five bits, 3 to 9 six, from `011001` on (RFC 7541, appendix B).
fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits = (0..4).fold(0, |bits, at| bits << 8 | u32::from(bytes.get(at).copied().unwrap_or_default()));
    let mut at = 0;
    let mut value = 0;
    for _ in 0..3 {
        let five = bits << at >> 27;
        let (digit, width) = if five < 3 { (five, 5) } else { ((bits << at >> 26) - 0b01_1001 + 3, 6) };
        value = value * 10 + digit;
        at += width;
    }
    u16::try_from(value).unwrap_or_default()
}
