//! `annexa run` with a webhook: told once, told by the next run if not, refused at once if it is wrong.

use serde_json::Value;

use super::receiver::Receiver;
use super::webhook::is_signed;
use crate::cli::harness::{Place, TEXT};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn input() -> String {
    format!("id,mdr_text\n1,{TEXT}\n2,\n")
}

fn body(receiver: &Receiver, place: usize) -> Value {
    serde_json::from_slice(&receiver.got()[place].body).unwrap()
}

#[test]
fn a_run_tells_its_end_as_summary_json_has_it_and_tells_it_once() {
    let (place, receiver) = (Place::new(), Receiver::new(&[]));
    place.write("in.csv", input());
    let (url, args) = (receiver.url("/hook"), ["run", "in.csv", "--json"]);
    let variables = [
        ("ANNEXA_NOTIFY_WEBHOOK_URL", url.as_str()),
        ("ANNEXA_NOTIFY_WEBHOOK_SECRET", SECRET),
    ];
    let ran = place.annexa_with(&variables, &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(receiver.got().len(), 1);
    assert!(is_signed(&receiver.got()[0], SECRET));
    let (told, summary) = (body(&receiver, 0), place.json("in-annexa/summary.json"));
    for (name, own) in [
        ("job_id", "job_id"),
        ("state", "status"),
        ("rows", "total_records"),
        ("outcomes", "outcomes"),
        ("review_rows", "review_rows"),
        ("cost_usd", "total_estimated_cost"),
        ("ended", "ended"),
        ("timestamp", "ended"),
    ] {
        assert!(!told[name].is_null(), "{name}");
        assert_eq!(told[name], summary[own], "{name}");
    }
    for name in told["outputs"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(place.path("in-annexa").join(name).is_file(), "{name}");
    }
    let text = String::from_utf8(receiver.got()[0].body.clone()).unwrap();
    assert!(!text.contains("STROKE"), "I10: {text}");

    let again = place.annexa_with(&variables, &args);
    assert_eq!((again.code, receiver.got().len()), (0, 1), "{}", again.err);
}

#[test]
fn what_a_run_could_not_tell_the_next_one_tells() {
    let place = Place::new();
    let receiver = Receiver::new(&["HTTP/1.1 404 Not Found\r\n\r\n"]);
    place.write("in.csv", input());
    let url = receiver.url("/hook/t0ken");
    let args = ["run", "in.csv", "--notify-webhook", &url];
    let ran = place.annexa_with(&[("ANNEXA_LOG", "warn")], &args);
    assert_eq!(ran.code, 0, "the job is done: {}", ran.err);
    for part in ["was not told", "HTTP 404", "http://127.0.0.1:"] {
        assert!(ran.err.contains(part), "{part} is not in: {}", ran.err);
    }
    assert!(!ran.err.contains("t0ken"), "{}", ran.err);
    let again = place.annexa(&args);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(!again.err.contains("was not told"), "{}", again.err);
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(
        body(&receiver, 0),
        body(&receiver, 1),
        "the same, with the same key"
    );
    let ids: Vec<String> = receiver
        .got()
        .iter()
        .map(|got| got.header("webhook-id").into())
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn wrong_settings_are_refused_with_all_else_that_is_wrong_and_never_shown() {
    let place = Place::new();
    place.write("in.csv", input());
    let variables = [("ANNEXA_NOTIFY_WEBHOOK_SECRET", "t0ken")];
    let url = "http://example.com/s3cret";
    let args = [
        "run",
        "in.csv",
        "--batch-size",
        "11",
        "--notify-webhook",
        url,
    ];
    let ran = place.annexa_with(&variables, &args);
    ran.refused(
        64,
        &[
            "--batch-size is 11",
            "ANNEXA_NOTIFY_WEBHOOK_URL (--notify-webhook-url): http:// goes to this machine only",
            "ANNEXA_NOTIFY_WEBHOOK_SECRET (--notify-webhook-secret): whsec_",
        ],
    );
    assert!(
        !ran.err.contains("t0ken") && !ran.err.contains("s3cret"),
        "{}",
        ran.err
    );
    let help = place.annexa_with(
        &[("ANNEXA_NOTIFY_WEBHOOK_SECRET", "t0ken")],
        &["run", "--help"],
    );
    assert!(help.out.contains("--notify-webhook-secret") && !help.out.contains("t0ken"));
}
