//! `annexa report`: the same page from a finished folder, and nothing of the job's own written over.

use crate::cli::harness::{Place, sample};

#[test]
fn i6_the_page_made_anew_is_the_one_that_the_job_wrote_byte_for_byte() {
    let place = Place::new();
    place.coded(sample(60), &["--chunk-rows", "7"]);
    let before = place.files("in-annexa");
    let ran = place.annexa(&["report", "in-annexa", "--out", "new.html"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("new.html") && ran.out.contains("with report text"));
    assert!(
        place.read("new.html") == place.read("in-annexa/report.html"),
        "the pages differ"
    );
    // Over the very same bytes it may be written, too; and named by the results file.
    let same = place.annexa(&[
        "report",
        "in-annexa/results.csv",
        "--out",
        "in-annexa/report.html",
    ]);
    assert_eq!(same.code, 0, "{}", same.err);
    assert_eq!(place.files("in-annexa"), before);
    let plain = place.annexa(&["report", "in-annexa"]);
    assert_eq!(plain.code, 0, "{}", plain.err);
    assert!(place.path("in-annexa/report.rebuilt.html").is_file());
}

#[test]
fn an_output_of_the_job_is_never_written_over_by_another_page() {
    let place = Place::new();
    place.coded(sample(10), &[]);
    let before = place.files("in-annexa");
    place.write("in-annexa/reviewed.csv", "mine\n");
    let before = {
        let mut all = before;
        all.extend(place.files("in-annexa"));
        all
    };
    std::os::unix::fs::symlink(place.path("in-annexa"), place.path("other")).unwrap();
    for name in [
        "report.html",
        "results.csv",
        "manifest.json",
        "job.json",
        "chunks/00000000.csv",
        "reviewed.csv",
        "_annexa/job.sqlite",
        "../other/chunks/00000000.csv",
    ] {
        let out = format!("in-annexa/{name}");
        let ran = place.annexa(&["report", "in-annexa", "--no-text", "--out", &out]);
        ran.refused(64, &[name, "--out"]);
    }
    assert_eq!(place.files("in-annexa"), before);
}

#[test]
fn pages_made_anew_go_with_the_results_that_they_show() {
    let place = Place::new();
    place.coded(sample(3), &[]);
    let pages = ["report.rebuilt.html", "report.no-text.html"];
    assert_eq!(place.annexa(&["report", "in-annexa"]).code, 0);
    assert_eq!(place.annexa(&["report", "in-annexa", "--no-text"]).code, 0);
    assert_eq!(place.annexa(&["run", "in.csv", "--again"]).code, 0);
    for page in pages {
        assert!(!place.path("in-annexa").join(page).exists(), "{page}");
        assert!(place.path("in-annexa/previous-1").join(page).is_file());
    }
}

#[test]
fn a_page_that_cannot_be_written_ends_with_1_and_a_place_that_is_none_with_64() {
    let place = Place::new();
    place.coded(sample(3), &[]);
    // A device that is always full.
    let ran = place.annexa(&["report", "in-annexa", "--out", "/dev/full"]);
    ran.refused(1, &["cannot write /dev/full"]);
    let ran = place.annexa(&["report", "in-annexa", "--out", "no/such/page.html"]);
    ran.refused(64, &["cannot write no/such/page.html"]);
}

#[test]
fn files_that_do_not_belong_together_are_refused_with_what_to_do() {
    let place = Place::new();
    place.coded(sample(10), &[]);
    place.write(
        "terms.csv",
        "code,term\nA01,Something\nE01,Something else\n",
    );
    let terms = place.annexa(&["report", "in-annexa", "--terms", "terms.csv"]);
    terms.refused(64, &["other terms", "--terms"]);
    let summary = place.read("in-annexa/summary.json");
    let other = summary.replacen("\"coded\": 10", "\"coded\": 9", 1);
    assert_ne!(other, summary);
    place.write("in-annexa/summary.json", other);
    place
        .annexa(&["report", "in-annexa"])
        .refused(64, &["results.csv", "summary.json counts"]);
    place.write("in-annexa/summary.json", summary);
    let results = place.read("in-annexa/results.csv");
    let fewer = results.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    place.write("in-annexa/results.csv", fewer);
    place.annexa(&["report", "in-annexa"]).refused(
        64,
        &["results.csv is not what its job wrote", "annexa verify"],
    );
    place
        .annexa(&["report", "nowhere"])
        .refused(64, &["nowhere"]);
    assert!(!place.path("in-annexa/report.rebuilt.html").exists());
}
