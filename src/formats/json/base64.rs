//! BYTES as base64, the standard alphabet; padding that is missing is forgiven.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_encode_padding(true),
);

/// Appends the bytes that `text` stands for; false, and nothing appended, if it is no base64.
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
