//! A map from texts to values: looking one up costs the same among ten thousand as among ten.
//!
//! Hashed without a secret: what is put in comes from the policy, and a caller that picks what is looked up picks among
//! short chains.

/// Values by a text.
#[derive(Debug)]
pub(crate) struct TextMap<T> {
    /// In the order in which they came.
    items: Vec<(Box<str>, T)>,
    /// Positions of items, counted from 1, at the hash of their text or behind it; 0 is free, and half of them are. As
    /// many as a power of two.
    slots: Vec<u32>,
}

impl<T> Default for TextMap<T> {
    fn default() -> Self {
        Self { items: Vec::new(), slots: Vec::new() }
    }
}

impl<T> TextMap<T> {
    pub(crate) fn get(&self, text: &str) -> Option<&T> {
        let at = self.find(text)?;
        self.items.get(at).map(|(_, value)| value)
    }

    /// All items, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.items.iter().map(|(text, value)| (&**text, value))
    }

    /// The value of a text, which is put in where it is missing.
    pub(crate) fn enter(&mut self, text: &str) -> Option<&mut T>
    where
        T: Default,
    {
        let at = self.find(text).unwrap_or_else(|| {
            self.items.push((text.into(), T::default()));
            self.place();
            self.items.len() - 1
        });
        self.items.get_mut(at).map(|(_, value)| value)
    }

    fn find(&self, text: &str) -> Option<usize> {
        let mut at = hash(text);
        loop {
            at &= self.slots.len().checked_sub(1)?;
            let index = (*self.slots.get(at)? as usize).checked_sub(1)?;
            if self.items.get(index).is_some_and(|(other, _)| **other == *text) {
                return Some(index);
            }
            at += 1;
        }
    }

    /// Gives the last item its slot; all of them anew where half of the slots would be taken.
    fn place(&mut self) {
        let mut first = self.items.len() - 1;
        if self.slots.len() < self.items.len() * 2 {
            self.slots = vec![0; (self.items.len() * 2).next_power_of_two()];
            first = 0;
        }
        let mask = self.slots.len() - 1;
        for (index, (text, _)) in self.items.iter().enumerate().skip(first) {
            let mut at = hash(text) & mask;
            while self.slots.get(at).is_some_and(|slot| *slot != 0) {
                at = (at + 1) & mask;
            }
            if let (Some(slot), Ok(position)) = (self.slots.get_mut(at), u32::try_from(index + 1)) {
                *slot = position;
            }
        }
    }
}

/// FNV-1a of 32 bits, with its high half folded into the low one, which finds the slot.
fn hash(text: &str) -> usize {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_found_and_nothing_else() {
        let mut map = TextMap::<usize>::default();
        assert_eq!(map.get(""), None);
        let texts: Vec<String> = (0..5000).map(|index| format!("n{index}")).collect();
        for (index, text) in texts.iter().enumerate() {
            *map.enter(text).expect("entered") = index;
            *map.enter(text).expect("entered") += 1;
        }
        for (index, text) in texts.iter().enumerate() {
            assert_eq!(map.get(text), Some(&(index + 1)), "{text}");
            assert_eq!(map.get(&format!("{text}x")), None);
        }
        assert!(map.iter().map(|(text, _)| text).eq(&texts));
        assert!(map.slots.len() >= 2 * map.items.len());
    }
}
