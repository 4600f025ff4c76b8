use super::*;
use proptest::prelude::*;

/// The events of a stream that comes in these pieces, and what is left over.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut events, mut held, mut found) = (Events::default(), Vec::new(), Vec::<Vec<u8>>::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            if events.ends_line(&held) {
                found.last_mut().expect("an event before it").extend(held.drain(..1));
            }
            let Some(end) = events.next_end(&held) else { break };
            found.push(held.drain(..end).collect());
        }
    }
    (found, held)
}

/// What an event is to a client: its fields and values, in their order.
fn fields(event: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(event).replace("\r\n", "\n").replace('\r', "\n");
    let split = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    text.lines().filter(|line| !line.is_empty()).map(split).collect()
}

#[test]
fn an_event_ends_with_an_empty_line_whatever_ends_the_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = ["event: a", "data: 1", "", ": ping", "", "data: 2", "data", "", "data: cut off"].join(end);
        let (whole, rest) = events([stream.as_bytes()]);
        assert_eq!(whole.len(), 3, "{stream:?}");
        assert_eq!(rest, b"data: cut off".to_vec());
        assert_eq!(fields(&whole[2]), [("data".to_owned(), "2".to_owned()), ("data".to_owned(), String::new())]);
    }
    assert_eq!(events([&b"\n\n\r\n"[..]]).0.len(), 3);
}

/// However a stream is cut, its events are the same, and each comes as soon as its end is there.
#[test]
fn no_cut_changes_an_event() {
    let stream = b"id: 1\r\ndata: a\r\n\r\n: x\n\ndata: b\rdata: c\r\rretry: 5\n\r\ndata: d\r\n\n\r\n";
    let (whole, rest) = events([&stream[..]]);
    assert_eq!((whole.iter().filter(|event| !fields(event).is_empty()).count(), rest.len()), (5, 0));
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let (cut, rest) = events([&stream[..first], &stream[first..second], &stream[second..]]);
            assert_eq!((cut, rest.as_slice()), (whole.clone(), &[][..]), "cut at {first} and {second}");
        }
    }
    assert_eq!(events([&b"data: a\r\n\r"[..]]).0.len(), 1, "an event is not held for the rest of a line's end");
}

#[test]
fn only_fields_that_clients_know_are_sent_on() {
    let sent = |event: &str| {
        let mut out = Vec::new();
        Event::new(event.as_bytes()).write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    for event in ["data: a\n\n", ": a\r\n\r\n", "id\nretry: 1\nevent: b\ndata:c\n\n", "data\r\r", "\n"] {
        assert_eq!(sent(event), event);
    }
    for (event, expected) in [
        ("Data: a\ndata: b\n\n", "data: b\n\n"),
        (" data: a\n\n", "\n"),
        ("\u{feff}data: a\n\n", "\n"),
        ("data : a\r\n: c\r\n\r\n", ": c\r\n\r\n"),
        ("x\n\n", "\n"),
    ] {
        assert_eq!(sent(event), expected);
    }
}

#[test]
fn data_is_all_lines_of_it() {
    let data = |event: &str| Event::new(event.as_bytes()).data().map(|data| data.to_vec());
    assert_eq!(data("data: a\ndata:b\nid: 1\ndata\n\n"), Some(b"a\nb\n".to_vec()));
    assert_eq!(data("data:  a\n\n"), Some(b" a".to_vec()));
    for none in ["id: 1\n\n", "data\n\n", "data:\r\n\r\n", ": data: x\n\n", "\n"] {
        assert_eq!(data(none), None, "{none:?}");
    }
}

#[test]
fn other_data_takes_the_place_of_all_lines_of_it() {
    let event = Event::new(b"event: message\r\ndata: a\r\nid: 7\r\nx: y\r\ndata: b\r\n\r\n");
    let mut out = Vec::new();
    event.write_with(b"c\nd", &mut out);
    assert_eq!(String::from_utf8_lossy(&out), "event: message\r\nid: 7\r\ndata: c\ndata: d\n\r\n");
}

proptest! {
    #[test]
    fn any_bytes_are_events_and_a_rest_and_nothing_is_lost(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'd'), Just(b':')], 0..40),
        cut in 0..40_usize,
    ) {
        let (whole, rest) = events([&bytes[..]]);
        let cut = cut.min(bytes.len());
        let (pieces, pieces_rest) = events([&bytes[..cut], &bytes[cut..]]);
        prop_assert_eq!((&whole, &rest), (&pieces, &pieces_rest));
        prop_assert_eq!([whole.concat(), rest].concat(), bytes);
        for event in &whole {
            let mut out = Vec::new();
            Event::new(event).write(&mut out);
            prop_assert!(out.len() <= event.len());
        }
    }
}
