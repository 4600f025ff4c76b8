//! HTTP/2 frames (RFC 9113, sections 4 and 6), as far as the test client writes and reads them.

pub(super) const MAX_FRAME: usize = 16_384;

/// How much padding [`Cut::Padded`] adds.
const PADDING: u8 = 37;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS_FRAME: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

pub(super) const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// How a frame's content is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// One frame.
    Whole,
    /// One frame with padding.
    Padded,
    /// A header block in two frames.
    Continued,
}

/// The flags and the payload of a frame with this content.
pub(super) fn padded(flags: u8, content: &[u8], cut: Cut) -> (u8, Vec<u8>) {
    if cut != Cut::Padded {
        return (flags, content.to_vec());
    }
    let mut payload = vec![PADDING];
    payload.extend_from_slice(content);
    payload.extend([0; PADDING as usize]);
    (flags | PADDED, payload)
}

/// `SETTINGS_INITIAL_WINDOW_SIZE`, or its default.
pub(super) fn initial_window(settings: &[u8]) -> i64 {
    let (settings, _) = settings.as_chunks::<6>();
    let found = settings.iter().find(|setting| setting.starts_with(&[0, 4]));
    found.map_or(65_535, |setting| i64::from(number(&setting[2..])))
}

/// The first four bytes.
pub(super) fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
