use std::collections::BTreeMap;

use super::*;
use crate::core::identity::tests::spec;
use crate::core::ids::JobId;
use crate::core::job::JobRecord;
use crate::core::opinion::Agreement;
use crate::core::outcome::Outcome;
use crate::report::stats::StatsReader;
use crate::results::ResultColumns;

/// Markup that tries to get out of a text, an attribute, a style and a script.
const NASTY: &str = "\"'><script>alert(1)</script></title></style><img src=x onerror=alert(1)><!--";

/// The page of three rows, with `text` wherever a job can say something of its own.
fn rendered(text: &str, no_text: bool) -> String {
    let mut job = JobRecord::new(JobId("j".to_string()), spec(), 0);
    job.spec.input_key = text.to_string();
    job.spec.no_text = no_text;
    let input = ["id".to_string(), "mdr_text".to_string(), text.to_string()];
    let columns = ResultColumns::of_job(&input, &job.spec);
    let mut reader = StatsReader::for_page(&columns, &job.spec, no_text);
    for row in 1..=3 {
        let outcome = if row == 3 {
            Outcome::Failed
        } else {
            Outcome::Coded
        };
        let mut fields = vec![text.to_string(); columns.names().len()];
        fields[2] = format!("{} {}", &text[..text.len().min(60)], row % 2);
        fields[columns.own("row").unwrap()] = row.to_string();
        fields[columns.own("outcome").unwrap()] = outcome.name().to_string();
        reader.count(&csv::ByteRecord::from(fields));
    }
    let stats = reader.finish();
    let summary = Summary::new(&job, &stats, None, &TermTable::builtin());
    render(&summary, stats.findings.as_ref(), &TermTable::builtin())
}

#[test]
fn what_comes_from_the_input_stays_text_wherever_it_stands() {
    let page = rendered(NASTY, false);
    assert!(page.matches("&lt;script&gt;").count() > 5, "it is shown");
    assert_eq!(page.matches("<script").count(), 1, "only the page's own");
    assert_eq!(page.matches("</script>").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(!page.contains("<img") && !page.contains("<!--"));
}

#[test]
fn the_page_loads_nothing_and_only_its_own_script_and_style_count() {
    let page = rendered("PLAIN", false);
    let policy = policy();
    assert!(page.contains(&maud::html! { (policy) }.into_string()));
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    for loads in [
        "http:", "https:", "@import", "url(", " src=", "srcset", "<iframe", "<object",
    ] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert_eq!(
        page.matches(" href=\"").count(),
        page.matches(" href=\"#").count() + 1
    );
    assert!(
        page.contains("<link rel=\"icon\" href=\"data:,\">"),
        "the one that is no anchor"
    );
    // The policy counts no style that stands in an attribute.
    assert!(!page.contains(" style=\""));
}

#[test]
fn a_page_without_texts_says_so_and_quotes_nothing() {
    let (with, without) = (rendered("QUOTATION", false), rendered("QUOTATION", true));
    assert!(with.contains("data-text=\"yes\"") && with.contains("<q>"));
    assert!(without.contains("data-text=\"no\"") && !without.contains("<q>"));
    assert!(without.contains("This page holds no report text"));
    assert!(!without.contains("The first one says"));
}

#[test]
fn a_second_opinion_has_its_section_with_what_differs_most() {
    let job = JobRecord::new(JobId("j".to_string()), spec(), 0);
    let input = ["id".to_string(), "mdr_text".to_string()];
    let columns = ResultColumns::of_job(&input, &job.spec);
    let stats = StatsReader::for_page(&columns, &job.spec, false).finish();
    let summary = Summary::new(&job, &stats, None, &TermTable::builtin());
    let mut findings = stats.findings.clone().unwrap();
    let (one, other) = (findings.codes.id("A01"), findings.codes.id("A0405"));
    let product = findings.problems.get_mut(&Problem::Product).unwrap();
    product.confidence[10] = 5;
    product.agreement = Some(BTreeMap::from([
        (Agreement::Same, 3),
        (Agreement::Different, 1),
    ]));
    product.differing.count(one.unwrap(), other.unwrap());
    let page = render(&summary, Some(&findings), &TermTable::builtin());
    let section = page.split("<section id=\"second-opinion\"").nth(1).unwrap();
    let section = section.split("</section>").next().unwrap();
    for said in ["60.0 %", "20.0 %", "no second code", "Degraded"] {
        assert!(section.contains(said), "{said} in {section}");
    }
    assert!(
        !section.contains("Agreement on patient"),
        "nobody was asked"
    );
}

#[test]
fn sections_are_there_in_this_order_and_a_job_without_rows_has_a_page_too() {
    let ids = |page: &str| -> Vec<String> {
        let parts = page.split("<section id=\"").skip(1);
        parts
            .map(|rest| rest[..rest.find('"').unwrap()].to_string())
            .collect()
    };
    let page = rendered("PLAIN", false);
    let expected = "totals product patient together time columns confidence review failures cost throughput made";
    assert_eq!(ids(&page).join(" "), expected);
    let job = JobRecord::new(JobId("j".to_string()), spec(), 0);
    let stats = crate::report::stats::Stats::default();
    let summary = Summary::new(&job, &stats, None, &TermTable::builtin());
    let bare = render(&summary, None, &TermTable::builtin());
    assert_eq!(
        ids(&bare).join(" "),
        "totals product patient review failures cost throughput made"
    );
}

#[test]
fn every_figure_says_where_it_stands_in_the_summary_and_no_place_has_two_values() {
    let page = rendered("PLAIN", false);
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for rest in page.split("data-figure=\"").skip(1) {
        let (path, rest) = rest.split_once('"').unwrap();
        let value = rest
            .strip_prefix(" data-value=\"")
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert_eq!(*seen.entry(path).or_insert(value), value, "{path}");
    }
    for path in [
        "total_records",
        "outcomes/coded",
        "review_rows",
        "calls",
        "chunks/total",
    ] {
        assert!(seen.contains_key(path), "{path} is in {seen:?}");
    }
}
