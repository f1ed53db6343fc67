use super::*;
use crate::adapters::memory::blobs::MemoryBlobs;
use crate::adapters::memory::chaos::Chaos;
use crate::adapters::memory::clock::SimClock;
use crate::adapters::memory::model::{MemoryModel, OneModel, PaidLog};
use crate::core::opinion::SecondOpinion;
use crate::core::problem::ProblemType;
use crate::core::spec::BlobRef;

/// Names the model of each spec; answers nothing.
struct AnyModel;

impl Models for AnyModel {
    fn open(
        &self,
        spec: &JobSpec,
        terms: &Arc<TermTable>,
        coded: Option<&CodedReports>,
    ) -> crate::ports::error::PortResult<Arc<dyn crate::ports::Model>> {
        let calm = Chaos::none(Arc::new(SimClock::new(1)));
        let model = MemoryModel::new(&spec.model_id, terms.clone(), calm, PaidLog::default());
        OneModel(Arc::new(model)).open(spec, terms, coded)
    }

    fn price(&self, _: &JobSpec) -> Option<crate::core::money::Price> {
        None
    }

    fn library(
        &self,
        terms: &Arc<TermTable>,
        coded: &CodedReports,
    ) -> Arc<dyn crate::ports::Library> {
        crate::adapters::models::library(terms, coded)
    }
}

async fn resolver(region: &str) -> Resolver {
    let clock = Arc::new(SimClock::new(1));
    let blobs = Arc::new(MemoryBlobs::new(Chaos::none(clock.clone())));
    blobs
        .put(&BlobRef::new("in", "a.csv"), b"id,mdr_text\n1,x\n", true)
        .await
        .unwrap();
    let setup = ResolverSetup {
        output_bucket: "out".into(),
        defaults: JobDefaults {
            model_id: None,
            batch_size: 3,
            max_workers: 7,
            rate_limit: Some(9.0),
            problem_type: ProblemType::Patient,
        },
        place: InboxPlace {
            bucket: None,
            prefix: "inbox/".into(),
        },
        catalog: Catalog::builtin(),
        region: region.to_string(),
    };
    Resolver::new(clock, blobs, Arc::new(AnyModel), setup)
}

fn request() -> JobRequest {
    JobRequest {
        input_bucket: Some("in".into()),
        input_key: Some("a.csv".into()),
        ..JobRequest::default()
    }
}

fn refused(result: Result<Resolved, Unresolved>) -> Vec<String> {
    match result {
        Err(Unresolved::Refused(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_spec_is_silent_the_defaults_hold() {
    let resolver = resolver("us-east-1").await;
    let Resolved {
        job_id: id, spec, ..
    } = resolver.resolve(&request(), None).await.unwrap();
    assert_eq!((spec.batch_size, spec.max_workers), (3, 7));
    assert_eq!(spec.rate_limit, Some(9.0));
    assert_eq!(spec.problem_type, ProblemType::Patient);
    assert_eq!(spec.output_bucket, "out");
    assert_eq!(spec.output_prefix, format!("results/{id}/"));
    assert_eq!(spec.chunk_rows, 100);
    assert_eq!(spec.max_text_chars, 24_000);
    assert_eq!(id, job_id(&spec));
    assert!(
        spec.input_version.starts_with("sha256:"),
        "{}",
        spec.input_version
    );
    let mut said = request();
    said.batch_size = Some(1);
    said.rate_limit = Some(1.0);
    said.output_prefix = Some("mine/".into());
    let other = resolver.resolve(&said, None).await.unwrap();
    assert_eq!(
        (other.spec.batch_size, other.spec.rate_limit),
        (1, Some(1.0))
    );
    assert_eq!(other.spec.output_prefix, "mine/");
    assert_ne!(other.job_id, id);
}

#[tokio::test(start_paused = true)]
async fn the_default_model_keeps_reports_in_the_geography_of_the_region() {
    for (region, prefix) in [("us-east-1", "us."), ("eu-central-1", "eu.")] {
        let spec = resolver(region)
            .await
            .resolve(&request(), None)
            .await
            .unwrap()
            .spec;
        assert!(spec.model_id.starts_with(prefix), "{}", spec.model_id);
    }
    // No geography, no model: never global. unasked.
    let problems = refused(
        resolver("xx-nowhere-1")
            .await
            .resolve(&request(), None)
            .await,
    );
    assert!(problems[0].contains("name a model"), "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ended_model_is_refused_with_its_replacement() {
    let mut said = request();
    said.model_id = Some("anthropic.claude-3-5-sonnet-20240620-v1:0".into());
    let problems = refused(resolver("us-east-1").await.resolve(&said, None).await);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains("end of life") && problems[0].contains("take 'us.anthropic.claude-"),
        "{problems:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn all_reasons_against_a_spec_are_said_together() {
    let said = JobRequest {
        input_key: Some("gone.csv".into()),
        model_id: Some("anthropic.claude-3-5-sonnet-20240620-v1:0".into()),
        imdrf_bucket: Some("in".into()),
        imdrf_key: Some("a.csv".into()),
        output_bucket: Some("in".into()),
        output_prefix: Some("inbox/results/".into()),
        ..request()
    };
    let problems = refused(resolver("us-east-1").await.resolve(&said, None).await);
    let all = problems.join("\n");
    for part in [
        "the terms in/a.csv cannot be used (line 1",
        "lies in the inbox",
        "end of life",
        "the input in/gone.csv is not there",
    ] {
        assert!(all.contains(part), "'{part}' is not said:\n{all}");
    }
    assert_eq!(problems.len(), 4, "{all}");
}

#[tokio::test(start_paused = true)]
async fn caps_and_rates_make_no_other_job() {
    let resolver = resolver("us-east-1").await;
    let one = resolver.resolve(&request(), None).await.unwrap();
    let mut said = request();
    said.max_workers = Some(1);
    said.rate_limit = Some(0.5);
    said.tokens_per_minute = Some(1_000);
    let same = resolver.resolve(&said, None).await.unwrap();
    assert_eq!(one.job_id, same.job_id);
    said.again = Some("1".into());
    let other = resolver.resolve(&said, None).await.unwrap();
    assert_ne!(one.job_id, other.job_id);
}

/// A resolver of us-east-1 with an artifact of coded reports in its inbox.
async fn with_coded(bytes: &[u8]) -> Resolver {
    let resolver = resolver("us-east-1").await;
    let blob = BlobRef::new("in", "coded.bin");
    resolver.blobs.put(&blob, bytes, true).await.unwrap();
    resolver
}

#[tokio::test(start_paused = true)]
async fn coded_reports_are_pinned_by_version_and_digest_and_make_another_job() {
    let bytes = crate::precedents::Precedents::builtin_bytes();
    let resolver = with_coded(bytes).await;
    let plain = resolver.resolve(&request(), None).await.unwrap();
    assert_eq!(plain.spec.corpus_sha256, None);
    let mut said = request();
    said.second_opinion = Some(SecondOpinion::Precedents);
    let builtin = resolver.resolve(&said, None).await.unwrap();
    let digest = crate::core::identity::sha256_hex(bytes);
    assert_eq!(builtin.spec.corpus_sha256.as_ref(), Some(&digest));
    assert_eq!(builtin.spec.corpus_version, None);
    said.corpus_bucket = Some("in".into());
    said.corpus_key = Some("coded.bin".into());
    said.precedents = Some(5);
    let own = resolver.resolve(&said, None).await.unwrap();
    let head = resolver
        .blobs
        .head(&own.spec.corpus().unwrap())
        .await
        .unwrap();
    assert_eq!(own.spec.corpus_version, head.map(|head| head.etag));
    assert_eq!(
        (own.spec.corpus_sha256, own.spec.precedents),
        (Some(digest), 5)
    );
    let ids = [plain.job_id, builtin.job_id, own.job_id];
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

#[tokio::test(start_paused = true)]
async fn coded_reports_that_cannot_be_used_or_that_nothing_uses_are_refused() {
    let resolver = with_coded(b"id,mdr_text\n1,PATIENT JANE DOE\n").await;
    let mut said = request();
    said.corpus_bucket = Some("in".into());
    said.corpus_key = Some("coded.bin".into());
    said.precedents = Some(5);
    let problems = refused(resolver.resolve(&said, None).await).join("\n");
    assert!(
        problems.contains("the coded reports in/coded.bin"),
        "{problems}"
    );
    assert!(
        problems.contains("does not begin with the mark") && !problems.contains("JANE"),
        "{problems}"
    );
    said.corpus_key = Some("gone.bin".into());
    let problems = refused(resolver.resolve(&said, None).await).join("\n");
    assert!(problems.contains("in/gone.bin is not there"), "{problems}");
    let resolver = with_coded(crate::precedents::Precedents::builtin_bytes()).await;
    said.corpus_key = Some("coded.bin".into());
    said.precedents = None;
    let problems = refused(resolver.resolve(&said, None).await).join("\n");
    assert!(
        problems.contains("corpus_bucket and corpus_key: nothing uses"),
        "{problems}"
    );
}
