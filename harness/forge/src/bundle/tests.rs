use std::collections::HashMap;

use super::*;

const NOW: i64 = 1_790_000_000;

fn texts(bundle: &Bundle) -> HashMap<String, String> {
    bundle.files().into_iter().map(|file| (file.path, file.text)).collect()
}

fn read(texts: &HashMap<String, String>) -> Result<Bundle, BundleError> {
    Bundle::read(|path| texts.get(path).cloned().ok_or_else(|| "no such file".to_owned()))
}

#[test]
fn what_is_read_is_what_was_written() {
    let made = Bundle::generate(NOW, &["rs.example".to_owned(), "192.0.2.1".to_owned()]).unwrap();
    let texts = texts(&made);
    let again = read(&texts).unwrap();
    assert_eq!(again.validity(), (NOW, NOW + 30 * 86_400));
    assert_eq!(again.names(), ["rs.example", "192.0.2.1"]);
    for (one, other) in made.pki.identities().iter().zip(again.pki.identities()) {
        assert_eq!((one.name, &one.chain), (other.name, &other.chain));
        assert_eq!(one.certificate.thumbprint(), other.certificate.thumbprint());
        assert_eq!(one.certificate.key().spki(), other.certificate.key().spki(), "{}", one.name);
        assert_eq!(one.key.pkcs8(), other.key.pkcs8(), "{}", one.name);
    }
    assert_eq!(again.pki.identities().len(), CLIENTS.len());
    assert_eq!(made.pki.server().chain, again.pki.server().chain);
    let authorities = |pki: &Pki| [pki.root(), pki.intermediate(), pki.foreign_root()].map(|a| a.key.pkcs8().to_vec());
    assert_eq!(authorities(&made.pki), authorities(&again.pki));
    assert_eq!(made.issuer.jwks(), again.issuer.jwks());
    let files = |bundle: &Bundle| bundle.files().into_iter().map(|f| (f.path, f.text)).collect::<Vec<_>>();
    assert!(files(&made) == files(&again));
}

#[test]
fn the_harness_does_without_the_folder_of_the_server_and_the_server_without_keys_of_others() {
    let made = Bundle::generate(NOW, &[]).unwrap();
    let mut texts = texts(&made);
    texts.retain(|path, _| path.starts_with(HARNESS));
    assert_eq!(read(&texts).unwrap().names(), ["localhost", "127.0.0.1", "::1"]);
    for file in made.files() {
        let key = file.text.contains("PRIVATE KEY");
        assert!(file.private || !key, "{}", file.path);
        assert!(!key || file.path.starts_with(HARNESS) || file.path == "server/server.key", "{}", file.path);
        assert!(file.private || file.path.starts_with(SERVER), "{}", file.path);
    }
}

#[test]
fn what_is_wrong_with_a_bundle_is_said_with_the_file() {
    let right = texts(&Bundle::generate(NOW, &[]).unwrap());
    for (path, text, reason) in [
        ("harness/p256.key", None, "no such file"),
        ("harness/p256.key", Some("nonsense"), "unreadable private key"),
        ("harness/p256.pem", Some(""), "no certificate in it"),
        ("harness/p256.pem", right.get("harness/second.pem").map(String::as_str), "not for the key beside it"),
        ("harness/bundle.json", Some("{\"version\":2,\"made\":0,\"until\":0,\"names\":[]}"), "version 2"),
        ("harness/root.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "not a DER"),
    ] {
        let mut texts = right.clone();
        match text {
            Some(text) => drop(texts.insert(path.to_owned(), text.to_owned())),
            None => drop(texts.remove(path)),
        }
        let error = read(&texts).unwrap_err().to_string();
        assert!(error.starts_with(path) && error.contains(reason), "{error}");
    }
}

#[test]
fn a_name_is_one_of_dns_or_an_address() {
    for name in ["a b", "-a", "", "https://localhost", "localhost:8443", "a..b", "*.example"] {
        assert_eq!(Bundle::generate(NOW, &[name.to_owned()]).err(), Some(BundleError::Name(name.to_owned())), "{name}");
    }
}
