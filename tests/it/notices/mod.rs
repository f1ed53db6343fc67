//! Notices as receivers get them: webhooks over real HTTP, EventBridge and SNS against canned answers and the emulator, and
//! the program itself.

mod aws;
mod receiver;
mod run;
mod webhook;

use annexa::core::notice::Notice;
use serde_json::json;

/// A notice.
pub fn notice() -> Notice {
    serde_json::from_value(json!({
        "type": "annexa.job.ended", "timestamp": "2026-01-01T00:00:00Z", "schema_version": 1, "notice_id": "job-0a-retry-1",
        "job_id": "job-0a", "generation": 1, "state": "COMPLETED_WITH_ERRORS", "reason": null, "partial": false,
        "model_id": "us.anthropic.claude-haiku-4-5-20251001-v1:0", "rows": 7, "outcomes": {"coded": 6, "failed": 1},
        "review_rows": 2, "cost_usd": "0.012300000",
        "tokens": {"input": 1, "output": 2, "cache_read": 3, "cache_write": 4}, "started": "2026-01-01T00:00:00Z",
        "ended": "2026-01-01T00:00:00Z", "output_bucket": "out", "output_prefix": "results/job-0a/",
        "outputs": ["results.csv", "manifest.json"], "annexa_version": "0.1.0"
    }))
    .unwrap()
}
