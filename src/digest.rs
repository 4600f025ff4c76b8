//! SHA-256 in lower-case hexadecimal.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a text: 64 hex digits.
pub(crate) fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// The start of a secret's hash: enough to tell secrets apart, useless to guess one.
pub(crate) fn fingerprint(secret: &str) -> String {
    let mut hash = sha256(secret);
    hash.truncate(16);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        // FIPS 180-4, the empty message.
        assert_eq!(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(fingerprint("s"), "043a718774c572bd");
    }
}
