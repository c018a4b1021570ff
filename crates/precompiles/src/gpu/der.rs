use crate::reader::Reader;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Reads DER elements one after another: definite minimal lengths below 64 KiB, one-byte tags.
///
/// Nesting is followed by the caller's code, never by recursion over the input.
pub(super) struct Der<'a>(Reader<'a>);

/// One element.
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) value: &'a [u8],
    /// Tag, length and value.
    pub(super) whole: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    pub(super) fn element(&mut self) -> Option<Element<'a>> {
        let start = self.0.rest();
        let tag = self.0.u8().filter(|tag| tag & 0x1f != 0x1f)?;
        let len = match self.0.u8()? {
            len @ 0..=0x7f => len.into(),
            0x81 => self.0.u8().filter(|len| *len >= 0x80)?.into(),
            0x82 => self.0.u16_be().filter(|len| *len >= 0x100)?.into(),
            _ => return None,
        };
        let value = self.0.take(len)?;
        let whole = &start[..start.len() - self.0.rest().len()];
        Some(Element { tag, value, whole })
    }

    /// The next element, which has to have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.element().filter(|element| element.tag == tag)
    }

    /// The next element if it has this tag; otherwise it stays.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<Element<'a>>> {
        match self.0.rest().first() {
            Some(next) if *next == tag => self.element().map(Some),
            _ => Some(None),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.end().is_some()
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Option<()> {
        self.0.end()
    }
}

/// The contents of the one element that `bytes` is.
pub(super) fn only(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let mut der = Der::new(bytes);
    let element = der.expect(tag)?;
    der.end()?;
    Some(element.value)
}

/// The magnitude of a positive INTEGER, without the zero that keeps its sign.
pub(super) fn positive(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0, magnitude @ ..] => {
            // The zero has to be needed; zero itself is not positive.
            magnitude.first().filter(|first| **first >= 0x80)?;
            Some(magnitude)
        }
        [first, ..] if *first < 0x80 => Some(value),
        _ => None,
    }
}

/// A BOOLEAN; DER knows two.
pub(super) fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        [0x00] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_elements_in_order() {
        let mut der = Der::new(&[0x02, 1, 5, 0x04, 0]);
        let integer = der.expect(INTEGER).expect("is next");
        assert_eq!((integer.value, integer.whole), ([5].as_slice(), [2, 1, 5].as_slice()));
        assert!(der.optional(SEQUENCE).is_some_and(|element| element.is_none()));
        assert!(der.end().is_none());
        assert!(der.optional(OCTET_STRING).is_some_and(|element| element.is_some()));
        assert!(der.end().is_some() && der.is_empty());
        assert!(der.element().is_none());
    }

    #[test]
    fn lengths_are_minimal_and_definite() {
        let element = |bytes: &[u8]| Der::new(bytes).element().map(|element| element.value.len());
        let long = |header: &[u8], len: usize| [header, &vec![0; len]].concat();
        assert_eq!(element(&long(&[4, 0x7f], 0x7f)), Some(0x7f));
        assert_eq!(element(&long(&[4, 0x81, 0x80], 0x80)), Some(0x80));
        assert_eq!(element(&long(&[4, 0x82, 1, 0], 0x100)), Some(0x100));
        assert_eq!(element(&long(&[4, 0x81, 0x7f], 0x7f)), None);
        assert_eq!(element(&long(&[4, 0x82, 0, 0xff], 0xff)), None);
        assert_eq!(element(&long(&[4, 0x83, 0, 1, 0], 0x100)), None);
        assert_eq!(element(&[0x30, 0x80, 0, 0]), None, "indefinite");
        assert_eq!(element(&[0x1f, 1, 0]), None, "tag of many bytes");
        assert_eq!(element(&[4, 2, 0]), None, "longer than the input");
        assert_eq!(element(&[4]), None);
        assert_eq!(element(&[]), None);
    }

    #[test]
    fn integers_are_positive_and_minimal() {
        assert_eq!(positive(&[1]), Some([1].as_slice()));
        assert_eq!(positive(&[0, 0x80]), Some([0x80].as_slice()));
        for bad in [[].as_slice(), &[0], &[0, 1], &[0x80], &[0xff, 1]] {
            assert_eq!(positive(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn booleans_have_two_forms() {
        assert_eq!(boolean(&[0]), Some(false));
        assert_eq!(boolean(&[0xff]), Some(true));
        for bad in [[].as_slice(), &[1], &[0, 0]] {
            assert_eq!(boolean(bad), None);
        }
    }

    #[test]
    fn nothing_follows_the_only_element() {
        assert_eq!(only(&[4, 1, 9], OCTET_STRING), Some([9].as_slice()));
        assert_eq!(only(&[4, 1, 9, 0], OCTET_STRING), None);
        assert_eq!(only(&[4, 1, 9], INTEGER), None);
    }
}
