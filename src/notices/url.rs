//! Where a webhook goes: checked once, and shown without its path, which may hold a token.

// The `url` crate's type, by the name under which a crate that we use anyway gives it: nothing is sent from here.
use reqwest::Url;

/// A receiver's URL: HTTPS, or HTTP to this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why a text is no URL for webhooks. None of them holds the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Not a URL.
    #[error("it is no URL ({0}): one such as https://example.com/hooks/annexa is expected")]
    NoUrl(String),
    /// Another scheme.
    #[error("its scheme is {0}: https:// is expected (http:// only to this machine)")]
    Scheme(String),
    /// Plain HTTP beyond this machine.
    #[error("http:// goes to this machine only, and {0} is another: use https://")]
    Plain(String),
    /// A user or a password.
    #[error(
        "it holds a user or a password: leave them out (the signature shows who sends; see ANNEXA_NOTIFY_WEBHOOK_SECRET)"
    )]
    Credentials,
}

impl std::fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

/// Scheme, host and port: what may be shown.
impl std::fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), shown_host(&self.0))?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for WebhookUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<WebhookUrl, BadUrl> {
        let url: Url = text
            .parse()
            .map_err(|error| BadUrl::NoUrl(format!("{error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::Credentials);
        }
        match url.scheme() {
            "https" => Ok(WebhookUrl(url)),
            "http" if is_this_machine(&url) => Ok(WebhookUrl(url)),
            "http" => Err(BadUrl::Plain(shown_host(&url))),
            other => Err(BadUrl::Scheme(format!("{other}:"))),
        }
    }
}

impl WebhookUrl {
    /// The whole URL, for the request alone.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

fn shown_host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_string()
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(|c| matches!(c, '[' | ']'));
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere_and_http_to_this_machine() {
        for (good, shown) in [
            ("https://example.com/hooks/t0ken?x=y", "https://example.com"),
            ("https://example.com:8443/", "https://example.com:8443"),
            ("http://127.0.0.1:9/a", "http://127.0.0.1:9"),
            ("http://[::1]:9/a", "http://[::1]:9"),
            ("http://localhost/a", "http://localhost"),
        ] {
            let url: WebhookUrl = good.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("t0ken"));
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_url() {
        for (bad, says) in [
            ("example.com/s3cret", "no URL"),
            ("http://example.com/s3cret", "example.com is another"),
            ("http://127.evil.example/s3cret", "is another"),
            ("ftp://example.com/s3cret", "ftp:"),
            ("https://me:s3cret@example.com/", "user or a password"),
        ] {
            let error = bad.parse::<WebhookUrl>().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
