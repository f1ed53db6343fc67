//! Which reports stood in one call, told from what rows say of their calls.
//!
//! A worker packs the distinct texts of a chunk that it has to ask for, in their order ([`pack`]). Rows keep how many calls
//! they took part in and the id of the call that answered; so a call in which everybody was answered at the first try is known
//! exactly, and anything else is said not to be.

use crate::coding::batch::pack;
use crate::core::ids::RowNo;

/// What a row of a chunk says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'r> {
    /// Its number.
    pub row: RowNo,
    /// Its text as it is sent; empty: it has none, or nobody was asked.
    pub text: &'r str,
    /// Calls that it took part in, and paid for; 0: another row, or job, paid.
    pub attempts: u64,
    /// The call that answered; empty: none did.
    pub request_id: &'r str,
}

/// How the job packs calls, and what is known of the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// Reports a call.
    pub batch_size: u32,
    /// What examples count for each report when calls are packed.
    pub example_bytes: usize,
    /// Each text is asked for a second time, and rows count both.
    pub is_sampled: bool,
    /// The chunk's rows are all there.
    pub is_whole: bool,
}

/// The reports of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Positions of their rows in the chunk, in the order of the call.
    pub rows: Vec<usize>,
    /// Why it is not known that these and only these stood in the call; none: it is known.
    pub doubt: Option<String>,
}

/// The call that answered the row at position `at`, or the first call for it if none did.
pub fn of_row(chunk: &[Asked<'_>], at: usize, how: How) -> Batch {
    // Rows with one text are asked for once, by the first of them.
    let mut asked: Vec<usize> = Vec::new();
    for (position, row) in chunk.iter().enumerate() {
        let is_first = !chunk[..position].iter().any(|other| other.text == row.text);
        if !row.text.is_empty() && is_first {
            asked.push(position);
        }
    }
    let mine = asked
        .iter()
        .copied()
        .find(|position| chunk[*position].text == chunk[at].text);
    let alone = |doubt: &str| Batch {
        rows: vec![at],
        doubt: Some(doubt.to_string()),
    };
    let Some(mine) = mine else {
        return alone("the row has no text");
    };
    // Who paid nothing took an answer that was there.
    asked.retain(|position| chunk[*position].attempts > 0);
    if !asked.contains(&mine) {
        return alone(
            "another row, or another job, paid for the answer: what else stood in its call is not known here",
        );
    }
    let lengths = asked
        .iter()
        .map(|position| chunk[*position].text.len() + how.example_bytes);
    let calls = pack(lengths, how.batch_size);
    let planned = calls
        .into_iter()
        .map(|call| &asked[call])
        .find(|call| call.contains(&mine));
    let planned = planned.unwrap_or_default();
    let id = chunk[mine].request_id;
    let of_call = |position: &usize| chunk[*position].request_id == id;
    let doubt = if id.is_empty() {
        Some("no call answered the row: this is the first one that it stood in".to_string())
    } else if how.is_sampled {
        Some(
            "the job asked for each text a second time, and rows count both calls: that the first was the only one for the first \
             answer is not known. The second sample's request, in other company, is not built again"
                .to_string(),
        )
    } else if chunk[mine].attempts > 1 {
        Some(format!(
            "{} calls were made with it: the last one may have named the fault of an answer before, and held fewer reports",
            chunk[mine].attempts
        ))
    } else if !how.is_whole {
        Some("the chunk's file is not there, so that it is not known which rows were asked for together".to_string())
    } else {
        let others = asked.iter().filter(|position| !planned.contains(position));
        let is_strange = others.clone().any(of_call);
        let is_elsewhere = planned.iter().any(|position| {
            let row = &chunk[*position];
            row.attempts == 1 && row.request_id != id
        });
        (is_strange || is_elsewhere).then(|| {
            "the chunk was not asked for in one go (it was interrupted, or done row by row): these are the rows that the call \
             answered"
                .to_string()
        })
    };
    let rows = match &doubt {
        Some(_) if !id.is_empty() => asked
            .iter()
            .copied()
            .filter(|position| of_call(position))
            .collect(),
        _ => planned.to_vec(),
    };
    Batch { rows, doubt }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: How = How {
        batch_size: 2,
        example_bytes: 0,
        is_sampled: false,
        is_whole: true,
    };

    fn row(
        row: RowNo,
        text: &'static str,
        attempts: u64,
        request_id: &'static str,
    ) -> Asked<'static> {
        Asked {
            row,
            text,
            attempts,
            request_id,
        }
    }

    #[test]
    fn equal_texts_empty_rows_and_paid_answers_take_no_place_in_a_call() {
        let chunk = [
            row(1, "a", 1, "r1"),
            row(2, "", 0, ""),
            row(3, "a", 0, "r1"),
            row(4, "paid before", 0, "r0"),
            row(5, "b", 1, "r1"),
            row(6, "c", 1, "r2"),
        ];
        for at in [0, 2, 4] {
            let batch = of_row(&chunk, at, HOW);
            assert_eq!((batch.rows, batch.doubt), (vec![0, 4], None));
        }
        assert_eq!(of_row(&chunk, 5, HOW).rows, [5]);
        assert!(
            of_row(&chunk, 3, HOW)
                .doubt
                .unwrap()
                .contains("another row, or another job")
        );
    }

    #[test]
    fn who_was_answered_at_the_first_try_stood_beside_one_who_was_asked_again() {
        let chunk = [
            row(1, "a", 1, "r1"),
            row(2, "b", 2, "r2"),
            row(3, "c", 3, ""),
        ];
        let first = of_row(&chunk, 0, HOW);
        assert_eq!((first.rows, first.doubt), (vec![0, 1], None));
        let second = of_row(&chunk, 1, HOW);
        assert_eq!(second.rows, [1]);
        assert!(second.doubt.unwrap().starts_with("2 calls"));
        let failed = of_row(&chunk, 2, HOW);
        assert!(failed.doubt.unwrap().starts_with("no call answered"));
    }

    #[test]
    fn a_chunk_that_was_asked_for_otherwise_is_told() {
        let chunk = [
            row(1, "a", 1, "r1"),
            row(2, "b", 1, "r2"),
            row(3, "c", 1, "r2"),
        ];
        for at in 0..3 {
            let batch = of_row(&chunk, at, HOW);
            assert!(batch.doubt.unwrap().contains("not asked for in one go"));
            let expected: &[usize] = if at == 0 { &[0] } else { &[1, 2] };
            assert_eq!(batch.rows, expected);
        }
        assert!(
            of_row(
                &chunk[..1],
                0,
                How {
                    is_whole: false,
                    ..HOW
                }
            )
            .doubt
            .is_some()
        );
    }

    #[test]
    fn examples_count_when_calls_are_packed_and_second_samples_leave_a_doubt() {
        let chunk = [row(1, "a", 1, "r1"), row(2, "b", 1, "r2")];
        let long = How {
            example_bytes: crate::coding::batch::MAX_CALL_BYTES,
            ..HOW
        };
        assert_eq!(of_row(&chunk, 0, long).doubt, None);
        assert!(of_row(&chunk, 0, HOW).doubt.is_some());
        let chunk = [row(1, "a", 2, "r1"), row(2, "b", 2, "r1")];
        let sampled = How {
            is_sampled: true,
            ..HOW
        };
        let batch = of_row(&chunk, 1, sampled);
        assert_eq!(batch.rows, [0, 1]);
        assert!(batch.doubt.unwrap().contains("a second time"));
    }
}
