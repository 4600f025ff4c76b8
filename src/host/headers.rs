//! A header map as proxy-wasm serialises it: the count, then the length of each name and value, then names and
//! values, each followed by a NUL; all numbers of four bytes, little-endian.

/// A serialised header map that was checked to be well formed.
#[derive(Debug)]
pub struct HeaderBlock {
    bytes: Vec<u8>,
    count: usize,
}

impl HeaderBlock {
    /// Checks a serialised map. None if it is not one, or a name is not text.
    #[must_use]
    pub fn parse(bytes: Vec<u8>) -> Option<Self> {
        let count = if bytes.is_empty() { 0 } else { number(&bytes, 0)? };
        let block = Self { bytes, count };
        (block.pairs().count() == count).then_some(block)
    }

    /// Serialises a map.
    #[must_use]
    pub fn serialise(pairs: &[(&str, &str)]) -> Vec<u8> {
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = u32::try_from(pairs.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        for (name, value) in pairs {
            bytes.extend(length(name));
            bytes.extend(length(value));
        }
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    /// Names and values, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut at = self.count.checked_mul(8).and_then(|sizes| sizes.checked_add(4)).unwrap_or(usize::MAX);
        (0..self.count).map_while(move |index| {
            let name = self.take(&mut at, 4 + index * 8)?;
            let value = self.take(&mut at, 8 + index * 8)?;
            Some((str::from_utf8(name).ok()?, value))
        })
    }

    fn take(&self, at: &mut usize, size_at: usize) -> Option<&[u8]> {
        let end = at.checked_add(number(&self.bytes, size_at)?)?;
        let text = self.bytes.get(*at..end)?;
        *at = end.checked_add(1)?;
        Some(text)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*digits)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_serialised_is_read_back() {
        let pairs = [(":method", "POST"), ("x", ""), ("x", "y")];
        let block = HeaderBlock::parse(HeaderBlock::serialise(&pairs)).expect("well formed");
        assert!(block.pairs().eq(pairs.iter().map(|(name, value)| (*name, value.as_bytes()))));
        assert_eq!(HeaderBlock::parse(Vec::new()).map(|block| block.pairs().count()), Some(0));
    }

    #[test]
    fn a_block_that_promises_more_than_it_holds_is_none() {
        let whole = HeaderBlock::serialise(&[("name", "value")]);
        for length in 1..whole.len() - 1 {
            assert!(HeaderBlock::parse(whole[..length].to_vec()).is_none(), "{length}");
        }
        assert!(HeaderBlock::parse(vec![0xff; 64]).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(block) = HeaderBlock::parse(bytes) {
                prop_assert_eq!(block.pairs().count(), block.count);
            }
        }
    }
}
