//! BYTES as base64, with the standard alphabet; missing padding is accepted.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_encode_padding(true),
);

/// Decodes `text` and appends the bytes; returns false, and appends nothing, if it is not base64.
pub(super) fn read(text: &[u8], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let right = BASE64.decode_vec(text, out).is_ok();
    if !right {
        out.truncate(before);
    }
    right
}

/// Appends bytes as base64.
pub(super) fn write(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BASE64.encode(value).as_bytes());
}
