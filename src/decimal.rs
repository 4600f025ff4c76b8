//! Numbers as JSON writes them, compared exactly: no rounding to a binary fraction.

use std::cmp::Ordering;
use std::fmt;

/// A JSON number (RFC 8259, section 6) of any size and precision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decimal {
    is_negative: bool,
    /// The digits without zeros at either end; none for zero.
    digits: Box<str>,
    /// The value is `0.DIGITS` times ten to this power; far exponents saturate, and stay far.
    scale: i64,
}

impl Decimal {
    /// Reads a number; none if the text is no number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let leading = length(&all) - length(significant);
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits: Box::default(), scale: 0 });
        }
        let scale = exponent.saturating_add(length(whole) - leading);
        Some(Self { is_negative, digits: digits.into(), scale })
    }

    /// Whether the number has no fraction.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        length(&self.digits) <= self.scale || self.digits.is_empty()
    }

    /// The number as a whole one of 32 bits, if it is one.
    #[must_use]
    pub fn to_u32(&self) -> Option<u32> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.scale - length(&self.digits)).ok().filter(|zeros| *zeros < 10)?;
        if self.is_negative {
            return None;
        }
        format!("{}{:0<zeros$}", self.digits, "").parse().ok()
    }

    /// Whether the number is whole and within ±(2^53−1), or has at most 15 significant digits: then it passes through
    /// a double unharmed.
    #[must_use]
    pub fn survives_a_double(&self) -> bool {
        let is_small = self.scale.abs() < 300 && self.digits.len() <= 15;
        let largest = Self { is_negative: false, digits: "9007199254740991".into(), scale: 16 };
        if self.is_whole() { self.compare_magnitude(&largest) != Ordering::Greater } else { is_small }
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let rank = |number: &Self| if number.digits.is_empty() { i64::MIN } else { number.scale };
        rank(self).cmp(&rank(other)).then_with(|| self.digits.cmp(&other.digits))
    }
}

impl From<u32> for Decimal {
    fn from(number: u32) -> Self {
        Self::parse(&number.to_string()).unwrap_or(Self { is_negative: false, digits: Box::default(), scale: 0 })
    }
}

/// Digits beyond 18 only say that the exponent is far.
fn read_exponent(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let far = i64::MAX / 4;
    let exponent = digits.parse::<i64>().map_or(far, |exponent| exponent.min(far));
    Some(if is_negative { -exponent } else { exponent })
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX / 4)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One text for each value: `-0.5e2`, or `0`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative { "-" } else { "" };
        let length = length(&self.digits);
        if self.digits.is_empty() {
            f.write_str("0")
        } else if length <= self.scale && self.scale <= 20 {
            let zeros = usize::try_from(self.scale - length).unwrap_or_default();
            write!(f, "{sign}{}{:0<zeros$}", self.digits, "")
        } else {
            write!(f, "{sign}0.{}e{}", self.digits, self.scale)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_compare_by_value_not_by_text() {
        for (a, b) in [
            ("0", "-0.0e99999999999999999999"),
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.5e2", "50"),
            ("1E+2", "100.00"),
            ("12e-3", "0.012"),
        ] {
            assert_eq!(number(a), number(b));
            assert_eq!(number(a).to_string(), number(b).to_string());
        }
        let ascending = [
            "-1e999999999999999999999",
            "-9007199254740993",
            "-9007199254740992",
            "-1",
            "-1e-400",
            "0",
            "1e-999999999999999999999",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "1",
            "9007199254740992",
            "9007199254740993",
            "1e400",
            "1e999999999999999999999",
        ];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", "1e", "1e+", ".5", "1a", "0x1", "1e1.5", "--1", "+1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_convert() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1048576.0", Some(1_048_576)),
            ("1.048576e6", Some(1_048_576)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("1e10", None),
            ("1e99999999999999999999", None),
            ("1.5", None),
            ("-1", None),
        ] {
            assert_eq!(number(text).to_u32(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_double_rounds_is_known() {
        for text in ["0", "9007199254740991", "-9007199254740991", "0.1", "1e-7", "123456789.012345", "1e15"] {
            assert!(number(text).survives_a_double(), "{text}");
        }
        for text in ["9007199254740992", "-9007199254740993", "0.1234567890123456", "1e300", "1e17"] {
            assert!(!number(text).survives_a_double(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(number(&a.to_string()).cmp(&number(&b.to_string())), a.cmp(&b));
            prop_assert_eq!(number(&a.to_string()).to_string(), a.to_string());
        }

        #[test]
        fn the_canonical_text_is_the_same_number(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?") {
            prop_assert_eq!(number(&number(&text).to_string()), number(&text));
        }
    }
}
