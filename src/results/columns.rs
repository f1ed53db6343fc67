//! Which columns a result has, and where.

use crate::core::problem::{Problem, ProblemType};
use crate::core::spec::JobSpec;

/// What each asked problem type gets, behind its prefix.
const OF_PROBLEM: [&str; 7] = [
    "code",
    "term",
    "path",
    "confidence",
    "evidence",
    "rationale",
    "supporting",
];

/// What each asked problem type gets behind these if a second opinion was asked for.
const SECOND_OF_PROBLEM: [&str; 4] = [
    "second_code",
    "second_term",
    "second_confidence",
    "agreement",
];

/// What every row gets behind the problems.
const OF_ROW: [&str; 13] = [
    "sufficient_information",
    "text_truncated",
    "answered_by",
    "model",
    "prompt_version",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_usd",
    "request_id",
    "error",
];

/// The columns of a job's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultColumns {
    names: Vec<String>,
    own_from: usize,
    problem_type: ProblemType,
    has_second_opinion: bool,
}

impl ResultColumns {
    /// The input's columns, then ours, without a second opinion. Ours take the prefix `annexa_` where the input has one of
    /// that name.
    pub fn new(input_columns: &[String], problem_type: ProblemType) -> ResultColumns {
        ResultColumns::with(input_columns, problem_type, false)
    }

    fn with(
        input_columns: &[String],
        problem_type: ProblemType,
        has_second_opinion: bool,
    ) -> ResultColumns {
        let mut names = input_columns.to_vec();
        for own in own_names(problem_type, has_second_opinion) {
            let mut name = own;
            while input_columns.contains(&name) {
                name.insert_str(0, "annexa_");
            }
            names.push(name);
        }
        ResultColumns {
            names,
            own_from: input_columns.len(),
            problem_type,
            has_second_opinion,
        }
    }

    /// The columns of the results of a job with this spec, whose input has `input_columns`.
    pub fn of_job(input_columns: &[String], spec: &JobSpec) -> ResultColumns {
        let has_second_opinion = spec.second_opinion.is_some();
        ResultColumns::with(input_columns, spec.problem_type, has_second_opinion)
    }

    /// The columns behind a header that the program wrote for a job with this spec; none: they are another job's, or somebody
    /// has changed them.
    pub fn of_header(header: &[String], spec: &JobSpec) -> Option<ResultColumns> {
        let ours = ResultColumns::of_job(&[], spec).names.len();
        let input = header.get(..header.len().checked_sub(ours)?)?;
        Some(ResultColumns::of_job(input, spec)).filter(|columns| columns.names == header)
    }

    /// All names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many columns the input has.
    pub fn input_columns(&self) -> usize {
        self.own_from
    }

    /// What was asked.
    pub fn problem_type(&self) -> ProblemType {
        self.problem_type
    }

    /// Whether there are columns of a second opinion.
    pub fn has_second_opinion(&self) -> bool {
        self.has_second_opinion
    }

    /// Position of one of our columns by its plain name, from 0.
    pub fn own(&self, name: &str) -> Option<usize> {
        let mut own = own_names(self.problem_type, self.has_second_opinion);
        let at = own.position(|own| own == name)?;
        Some(self.own_from + at)
    }

    /// Position of a problem's column (`code`, `term`, ...), from 0.
    pub fn of_problem(&self, problem: Problem, field: &str) -> Option<usize> {
        self.own(&format!("{}_{field}", problem.column_prefix()))
    }
}

/// Where a header of results has our column `name`, from 0, if nobody knows which job wrote it: ours stand behind the input's,
/// with as many `annexa_` before them as it takes not to be called as one of these.
pub fn own_column<'h>(header: impl IntoIterator<Item = &'h str>, name: &str) -> Option<usize> {
    let is_it = |field: &str| field.trim().trim_start_matches("annexa_") == name;
    let fields = header.into_iter().enumerate();
    fields
        .filter(|(_, field)| is_it(field))
        .last()
        .map(|(at, _)| at)
}

fn own_names(problem_type: ProblemType, has_second_opinion: bool) -> impl Iterator<Item = String> {
    let first = ["row", "outcome", "review"].into_iter().map(str::to_string);
    let second: &[&str] = match has_second_opinion {
        true => &SECOND_OF_PROBLEM,
        false => &[],
    };
    let problems = problem_type.problems().iter().flat_map(move |problem| {
        OF_PROBLEM
            .iter()
            .chain(second)
            .map(|field| format!("{}_{field}", problem.column_prefix()))
    });
    first
        .chain(problems)
        .chain(OF_ROW.into_iter().map(str::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_contract() {
        let input = vec!["id".to_string(), "mdr_text".to_string()];
        let columns = ResultColumns::new(&input, ProblemType::Patient);
        let contract = "id mdr_text row outcome review patient_problem_code patient_problem_term \
            patient_problem_path patient_problem_confidence patient_problem_evidence \
            patient_problem_rationale patient_problem_supporting sufficient_information \
            text_truncated answered_by model prompt_version attempts input_tokens output_tokens \
            cache_read_tokens cache_write_tokens cost_usd request_id error";
        assert_eq!(columns.names().join(" "), contract);
    }

    #[test]
    fn a_second_opinion_stands_right_behind_each_problem_it_is_about() {
        let mut spec = crate::core::identity::tests::spec();
        let input = vec!["id".to_string()];
        let without = ResultColumns::of_job(&input, &spec);
        assert_eq!(
            without,
            ResultColumns::new(&input, crate::core::problem::ProblemType::Both)
        );
        assert_eq!(without.of_problem(Problem::Product, "agreement"), None);
        spec.second_opinion = Some(crate::core::opinion::SecondOpinion::Precedents);
        let with = ResultColumns::of_job(&input, &spec);
        for problem in Problem::ALL {
            let supporting = with.of_problem(problem, "supporting").unwrap();
            let prefix = problem.column_prefix();
            let behind = SECOND_OF_PROBLEM.map(|field| format!("{prefix}_{field}"));
            assert_eq!(with.names()[supporting + 1..supporting + 5], behind);
        }
        assert_eq!(
            with.own("error"),
            without.own("error").map(|without| without + 8)
        );
        let found = ResultColumns::of_header(with.names(), &spec);
        assert_eq!(found, Some(with));
        assert_eq!(ResultColumns::of_header(without.names(), &spec), None);
    }

    #[test]
    fn a_header_that_was_written_is_found_again() {
        let spec = crate::core::identity::tests::spec();
        let input: Vec<String> = ["id", "row", "mdr_text"].map(String::from).into();
        let columns = ResultColumns::of_job(&input, &spec);
        let found = ResultColumns::of_header(columns.names(), &spec).unwrap();
        assert_eq!(found, columns);
        assert_eq!(found.input_columns(), 3);
        assert_eq!(ResultColumns::of_header(&columns.names()[..9], &spec), None);
        assert_eq!(ResultColumns::of_header(&[], &spec), None);
        let mut changed = columns.names().to_vec();
        changed[4] = "result".to_string();
        assert_eq!(ResultColumns::of_header(&changed, &spec), None);
    }

    #[test]
    fn ours_are_known_by_name_and_place_whatever_the_input_has() {
        for input in [
            &["id"][..],
            &["id", "row"],
            &["annexa_row", "id"],
            &["id", "row", "annexa_row", "annexa_annexa_annexa_row"],
        ] {
            let input: Vec<String> = input.iter().map(|name| name.to_string()).collect();
            let columns = ResultColumns::new(&input, ProblemType::Both);
            let header = || columns.names().iter().map(String::as_str);
            for name in ["row", "outcome", "patient_problem_code"] {
                let found = own_column(header(), name);
                assert_eq!(found, columns.own(name), "{name} of {input:?}");
                assert!(found.is_some());
            }
            assert_eq!(own_column(header(), "nothing"), None);
        }
    }

    #[test]
    fn ours_give_way_to_the_inputs_names() {
        let input: Vec<String> = ["id", "row", "annexa_row", "error"]
            .map(String::from)
            .into();
        let columns = ResultColumns::new(&input, ProblemType::Both);
        assert_eq!(
            columns.names()[columns.own("row").unwrap()],
            "annexa_annexa_row"
        );
        assert_eq!(
            columns.names()[columns.own("error").unwrap()],
            "annexa_error"
        );
        assert_eq!(&columns.names()[..4], &input);
    }
}
