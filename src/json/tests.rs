use super::*;
use proptest::prelude::*;

fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut reader = Reader::new(bytes, 64)?;
    reader.raw()?;
    reader.end()
}

fn fault(text: &str) -> (usize, JsonErrorKind) {
    let error = check(text.as_bytes()).expect_err("is refused");
    (error.offset, error.kind)
}

/// Reads a whole text by the handing-out methods, into a value of another library.
fn tree(reader: &mut Reader<'_>) -> Result<serde_json::Value, JsonError> {
    Ok(match reader.kind()? {
        Kind::Object => {
            let mut map = serde_json::Map::new();
            let mut members = reader.open_object()?;
            while let Some(key) = reader.next_key(&mut members)? {
                let value = tree(reader)?;
                map.insert(key.into_owned(), value);
            }
            map.into()
        }
        Kind::Array => {
            let mut list = Vec::new();
            let mut members = reader.open_array()?;
            while reader.next_item(&mut members)? {
                list.push(tree(reader)?);
            }
            list.into()
        }
        Kind::Text => reader.string()?.into_owned().into(),
        Kind::Bool | Kind::Null | Kind::Number => {
            serde_json::from_str(reader.raw()?).unwrap_or("a number beyond the other library".into())
        }
    })
}

#[test]
fn each_fault_is_named_with_its_offset() {
    use JsonErrorKind::*;
    for (text, offset, kind) in [
        ("", 0, End),
        ("  ", 2, End),
        ("{", 1, End),
        (r#"{"a""#, 4, End),
        (r#"{"a":1,}"#, 7, Unexpected),
        ("[1,]", 3, Unexpected),
        ("[1 2]", 3, Unexpected),
        ("{'a':1}", 1, Unexpected),
        ("{} {}", 3, TrailingBytes),
        ("nul", 3, End),
        ("NaN", 0, Unexpected),
        ("01", 1, TrailingBytes),
        ("1.", 2, End),
        ("-x", 1, Unexpected),
        ("\"\t\"", 1, ControlCharacter),
        ("\"\u{7f}\" \u{feff}", 4, TrailingBytes),
        ("\u{feff}{}", 0, Unexpected),
        (r#""\x""#, 1, Escape),
        (r#""\u12g4""#, 1, Escape),
        (r#""\ud800""#, 1, LoneSurrogate),
        (r#""\ud800\u0041""#, 1, LoneSurrogate),
        (r#""\udc00\ud800""#, 1, LoneSurrogate),
        ("/**/1", 0, Unexpected),
    ] {
        assert_eq!(fault(text), (offset, kind), "{text:?}");
    }
    assert_eq!(check(b"\"ab\xff\"").map_err(|error| (error.offset, error.kind)), Err((3, Utf8)));
}

#[test]
fn depth_is_counted_the_same_whether_values_are_skipped_or_opened() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(check(nested(64).as_bytes()), Ok(()));
    assert_eq!(fault(&nested(65)), (64, JsonErrorKind::TooDeep));
    let mixed = format!("{}1{}", r#"{"a":["#.repeat(33), "]}".repeat(33));
    assert_eq!(fault(&mixed).1, JsonErrorKind::TooDeep);

    let text = nested(5);
    let mut reader = Reader::new(text.as_bytes(), 4).expect("UTF-8");
    reader.open_array().expect("an array");
    assert_eq!(reader.raw().map_err(|error| error.kind), Err(JsonErrorKind::TooDeep));
    assert_eq!(check("[".repeat(200_000).as_bytes()).map_err(|error| error.kind), Err(JsonErrorKind::TooDeep));
}

#[test]
fn strings_are_unescaped_wherever_the_special_byte_falls_in_the_word() {
    for length in 0..20 {
        let plain = "é".repeat(length) + &"x".repeat(length);
        let text = format!(r#""{plain}\n\u00e9\ud83d\ude00\/{plain}""#);
        let mut reader = Reader::new(text.as_bytes(), 1).expect("UTF-8");
        assert_eq!(reader.string().expect("a string"), format!("{plain}\né😀/{plain}"));
        assert_eq!(reader.end(), Ok(()));
    }
}

#[test]
fn raw_gives_the_exact_text_of_a_value() {
    let mut reader = Reader::new(br#" {"a": [1e999, -0.0 ] } "#, 8).expect("UTF-8");
    assert_eq!(reader.raw(), Ok(r#"{"a": [1e999, -0.0 ] }"#));
    assert_eq!(reader.end(), Ok(()));
}

/// `JSONTestSuite` (`nst/JSONTestSuite`): every `n_` file is refused, every `y_` file is read; of the files that the
/// standard leaves open, those with sound UTF-8, paired surrogates and little nesting are read.
#[test]
fn json_test_suite() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/jsontestsuite/test_parsing");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("not run: JSONTestSuite is not at ../shared/jsontestsuite");
        return;
    };
    let mut counts = [0; 3];
    for file in files.map(|file| file.expect("a file").path()) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = std::fs::read(&file).expect("readable");
        let outcome = check(&text);
        match name.get(..2) {
            Some("y_") => {
                assert_eq!(outcome, Ok(()), "{name}");
                counts[0] += 1;
            }
            Some("n_") => {
                assert!(outcome.is_err(), "{name}");
                counts[1] += 1;
            }
            _ => {
                assert_eq!(outcome.is_ok(), name.starts_with("i_number_"), "{name}: {outcome:?}");
                counts[2] += 1;
            }
        }
    }
    assert_eq!(counts, [95, 188, 35]);
}

proptest! {
    /// What is read here, serde_json reads to the same value; what serde_json refuses, is refused here, but for
    /// numbers beyond a double.
    #[test]
    fn agrees_with_another_parser(text in r#"[\[\]{}:,"\\ntrue0-9.eE\-ud8ac \n]{0,24}"#) {
        let ours = Reader::new(text.as_bytes(), 64).and_then(|mut reader| {
            let value = tree(&mut reader)?;
            reader.end()?;
            Ok(value)
        });
        let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
            (Err(error), Ok(_)) => prop_assert!(false, "only refused here: {}", error),
        }
        prop_assert_eq!(check(text.as_bytes()).is_ok(), ours.is_ok());
    }

    /// Skipping and handing out judge any bytes alike, and never panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = check(&bytes);
    }
}
