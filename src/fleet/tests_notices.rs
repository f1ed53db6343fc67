//! A job from its chunks to its notice, as the services compose it.

use std::sync::Arc;
use std::time::Duration;

use super::{Place, ROWS, setup_of_roles};
use crate::adapters::aws::AwsConfig;
use crate::adapters::memory::notifier::{MemoryNotifier, Mood};
use crate::config::NotifyConfig;
use crate::consumer::Watch;
use crate::core::job::Stop;
use crate::core::notice::Target;
use crate::core::spec::BlobRef;
use crate::fleet::compose::notifiers;
use crate::notices::{Teller, When};
use crate::ports::{Clock, Notifier, PortError};
use crate::report::summary::Summary;

fn live_jobs(aggregator: &crate::aggregator::Aggregator) -> f64 {
    let gauges = aggregator.gauges();
    let found = gauges.iter().find(|(name, _, _)| *name == "LiveJobs");
    found.expect("it is always told").2
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_job_is_told_with_its_summary_while_its_receiver_is_slow() {
    let place = Place::new().await;
    place
        .work(Duration::from_secs(1), 60, Watch::default())
        .await;
    let (ports, handle) = place.ports(Duration::ZERO);
    let receiver = Arc::new(MemoryNotifier::new(
        Target::Webhook,
        place.clock.clone(),
        Duration::from_secs(5),
        [Mood::Fails(PortError::transient("HTTP 503"))],
    ));
    let notifier: Arc<dyn Notifier> = receiver.clone();
    let aggregator = ports.aggregator(&setup_of_roles());
    let aggregator = Arc::new(aggregator.with_notifiers(vec![notifier]));
    let looked = async {
        place.clock.sleep(Duration::from_secs(1)).await;
        let job = place.ledger.job(&place.job_id).await.unwrap().unwrap();
        assert_eq!(job.state(), "COMPLETED", "nobody waited for the receiver");
        place.clock.sleep(Duration::from_secs(6)).await;
        assert_eq!(receiver.tried().len(), 1);
        assert_eq!(live_jobs(&aggregator), 1.0, "an aggregator stays up for it");
    };
    let handled = place.run(
        &place.done,
        aggregator.clone(),
        Watch::default(),
        &handle,
        300,
    );
    tokio::join!(handled, aggregator.tell_until_drained(), looked);
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let at = BlobRef::new("out", "results/summary.json");
    let bytes = place.blobs.get_range(&at, 0, u64::MAX, None).await.unwrap();
    let summary: Summary = serde_json::from_slice(&bytes).unwrap();
    let notice = &got[0];
    assert_eq!(
        (&notice.job_id, &notice.state),
        (&summary.job_id, &summary.status)
    );
    assert_eq!(
        (notice.rows, &notice.outcomes),
        (ROWS as u64, &summary.outcomes)
    );
    assert_eq!(
        (&notice.started, &notice.ended),
        (&summary.started, &summary.ended)
    );
    assert_eq!(notice.cost_usd, summary.total_estimated_cost);
    assert_eq!(notice.tokens.input, summary.total_input_tokens);
    for name in &notice.outputs {
        let at = BlobRef::new("out", format!("results/{name}"));
        assert!(place.blobs.head(&at).await.unwrap().is_some(), "{name}");
    }
    assert!(notice.outputs.iter().any(|name| name == "manifest.json"));
    assert_eq!(live_jobs(&aggregator), 0.0);
    let counts = aggregator.counts();
    assert!(counts.contains(&("NoticesSent", 1)) && counts.contains(&("NoticesFailed", 1)));
    assert!(place.ledger.notices(1).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn i4_a_receiver_that_is_set_wrongly_keeps_no_job_from_ending_and_is_told_once_it_is_mended()
{
    let place = Place::new().await;
    place
        .work(Duration::from_secs(1), 60, Watch::default())
        .await;
    let (ports, handle) = place.ports(Duration::ZERO);
    let config = NotifyConfig {
        left_out: [(Target::Webhook, vec!["no secret".to_string()])].into(),
        ..NotifyConfig::default()
    };
    let aws = AwsConfig::for_stand_in("us-east-1", "http://127.0.0.1:1");
    let clock: Arc<dyn Clock> = place.clock.clone();
    let mut notifiers = notifiers(&config, &aws, &clock);
    let receiver = |target| {
        Arc::new(MemoryNotifier::new(
            target,
            clock.clone(),
            Duration::ZERO,
            [],
        ))
    };
    let bus = receiver(Target::EventBus);
    notifiers.push(bus.clone());
    let aggregator = ports.aggregator(&setup_of_roles());
    let aggregator = Arc::new(aggregator.with_notifiers(notifiers));
    let handled = place.run(
        &place.done,
        aggregator.clone(),
        Watch::default(),
        &handle,
        60,
    );
    tokio::join!(handled, aggregator.tell_until_drained());
    let job = place.ledger.job(&place.job_id).await.unwrap().unwrap();
    assert_eq!((job.state(), bus.got().len()), ("COMPLETED", 1));
    assert_eq!(place.ledger.notices(1).await.unwrap().len(), 1);

    let webhook = receiver(Target::Webhook);
    let mended: Vec<Arc<dyn Notifier>> = vec![bus.clone(), webhook.clone()];
    place.clock.sleep(Duration::from_secs(3_600)).await;
    let teller = Teller::new(clock.clone(), place.ledger.clone(), mended);
    assert_eq!(teller.round(When::Due).await.unwrap().waiting, 0);
    assert_eq!((bus.got().len(), webhook.got().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_tells_nobody_keeps_no_notice() {
    let place = Place::new().await;
    place
        .ledger
        .stop(&place.job_id, &Stop::Cancelled)
        .await
        .unwrap();
    let (ports, handle) = place.ports(Duration::ZERO);
    let aggregator = Arc::new(ports.aggregator(&setup_of_roles()));
    aggregator.sweep().await.unwrap();
    place
        .run(&place.done, aggregator, Watch::default(), &handle, 30)
        .await;
    let job = place.ledger.job(&place.job_id).await.unwrap().unwrap();
    assert_eq!(job.state(), "CANCELLED");
    assert!(place.ledger.notices(1).await.unwrap().is_empty());
}
