//! Stops of services (S21, S23).

use super::place::Place;

#[tokio::test]
async fn s21_a_signal_drains_a_service_and_a_drained_one_ends_with_0() {
    let place = Place::new().await;
    for (name, signal) in [
        ("annexa-splitter", "-TERM"),
        ("annexa-worker", "-INT"),
        ("annexa-aggregator", "-TERM"),
    ] {
        let mut service = place.start(place.program(name));
        assert_eq!(service.health(&[]).0, 0, "it lives");
        service.signal(signal);
        assert_eq!(service.end(), 0, "{}", service.err());
        let logs = service.logs();
        let said = |message: &str| logs.iter().any(|line| line["message"] == message);
        assert!(
            said("started") && said("stopped; nothing was cut"),
            "{logs:?}"
        );
        assert_eq!(service.out(), "", "an idle service has no metrics");
    }
}

#[tokio::test]
async fn s23_a_second_signal_ends_a_service_at_once_with_5() {
    let place = Place::new().await;
    let mut program = place.program("annexa-worker");
    // The poll in flight keeps a drain waiting.
    program.env("ANNEXA_DRAIN_S", "110");
    let mut service = place.start(program);
    service.signal("-TERM");
    service.until("draining", |service| {
        service.health(&["--ready"]).1.contains("draining")
    });
    assert_eq!(service.health(&[]).0, 0, "it lives, and takes no work");
    service.signal("-TERM");
    assert_eq!(service.end(), 5, "{}", service.err());
}
