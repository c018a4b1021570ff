use http::{HeaderMap, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::ServerError;

/// Which pages may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Any page.
    Any,
    /// These, and nothing else.
    Listed(Vec<HeaderValue>),
}

impl Origins {
    pub(crate) fn parse(origins: &[String]) -> Result<Self, ServerError> {
        if origins.iter().any(|origin| origin.trim() == "*") {
            return Ok(Self::Any);
        }
        let listed = origins.iter().map(|origin| {
            let invalid = || ServerError::InvalidOrigin { origin: origin.clone() };
            let origin = origin.trim().trim_end_matches('/');
            let (scheme, host) = origin.split_once("://").ok_or_else(invalid)?;
            if scheme.is_empty() || host.is_empty() || host.contains('/') {
                return Err(invalid());
            }
            HeaderValue::from_str(origin).map_err(|_| invalid())
        });
        listed.collect::<Result<_, _>>().map(Self::Listed)
    }

    /// The layer that answers browsers; without origins there is none, and browsers stay out.
    pub(crate) fn cors(&self) -> Option<CorsLayer> {
        let allowed = match self {
            Self::Any => AllowOrigin::from(Any),
            Self::Listed(origins) if origins.is_empty() => return None,
            Self::Listed(origins) => AllowOrigin::list(origins.clone()),
        };
        let layer = CorsLayer::new().allow_origin(allowed);
        Some(layer.allow_methods([Method::POST]).allow_headers(Any))
    }

    /// Whether a WebSocket handshake may go on. Browsers name the page, other programs do not.
    ///
    /// With nothing listed, pages served from this machine may connect.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        match self {
            Self::Any => true,
            Self::Listed(origins) if origins.is_empty() => is_local(origin),
            Self::Listed(origins) => origins.contains(origin),
        }
    }
}

fn is_local(origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use super::*;

    fn from(origin: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())])
    }

    fn parse(origins: &[&str]) -> Result<Origins, ServerError> {
        Origins::parse(&origins.iter().map(|&origin| origin.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn admits_what_is_listed() {
        let origins = parse(&["https://app.example/"]).unwrap();
        assert!(origins.admits(&from("https://app.example")));
        assert!(!origins.admits(&from("https://evil.example")));
        assert!(!origins.admits(&from("http://localhost:3000")));
        assert!(origins.admits(&HeaderMap::new()));
        assert!(parse(&["https://a.example", "*"]).unwrap().admits(&from("null")));
    }

    #[test]
    fn admits_local_pages_when_nothing_is_listed() {
        let origins = parse(&[]).unwrap();
        assert!(origins.cors().is_none());
        for local in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80"] {
            assert!(origins.admits(&from(local)), "{local}");
        }
        for other in ["https://example.org", "http://localhost.example.org", "null"] {
            assert!(!origins.admits(&from(other)), "{other}");
        }
    }

    #[test]
    fn refuses_what_is_no_origin() {
        for wrong in ["example.org", "https://", "://a", "https://a/b", ""] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
