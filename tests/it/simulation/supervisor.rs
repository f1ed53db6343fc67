//! Runs one seed: starts processes, lets them die, stand still, drain and come back, pauses and cancels the job, then
//! calms the weather and looks whether everything that must hold held.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use annexa::adapters::memory::chaos::Rates;
use annexa::adapters::memory::model::MemoryModel;
use annexa::control::retry::{Retried, retry_job};
use annexa::core::ids::ChunkNo;
use annexa::core::invariants::{self, Broken};
use annexa::core::job::{JobRecord, PauseReason, Stop};
use annexa::core::messages::ChunkMessage;
use annexa::core::problem::Problem;
use annexa::core::spec::BlobRef;
use annexa::ports::{Blobs, Clock, Ledger};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::process::{Process, Role};
use super::world::{LEASE, World};

/// Bad weather lasts this long.
const TROUBLE: Duration = Duration::from_secs(240);
/// A job that has not ended this long after it got calm never will.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

pub struct Outcome {
    pub verdict: Result<(), Broken>,
    pub trace: Vec<String>,
    pub seen: BTreeMap<&'static str, u64>,
}

/// What kind of weather a seed has. Every third seed has a model that keeps its contract, so that results can be
/// compared with an undisturbed run and every repeated call must be accounted for.
struct Weather {
    rates: Rates,
    deadly_rows: u64,
    may_cancel: bool,
    may_pause: bool,
    strikes: bool,
    /// Receives after which a message is dead.
    max_receives: u32,
    /// How often a job that ended without all answers is retried.
    retries: u32,
}

fn weather(seed: u64) -> Weather {
    let calm = Rates {
        latency_ms: 500,
        stall_ms: 45_000,
        ..Rates::default()
    };
    let rough = Rates {
        fail_before: 30,
        lose_answer: 30,
        stall: 3,
        duplicate: 60,
        undelete: 60,
        early_expiry: 10,
        partial_batch: 60,
        throttle: 40,
        ..calm
    };
    let rates = match seed % 3 {
        0 => Rates {
            bad_answer: 30,
            ..rough
        },
        1 => rough,
        _ => Rates {
            latency_ms: 400,
            ..calm
        },
    };
    Weather {
        rates,
        deadly_rows: u64::from(seed % 5 == 4),
        may_cancel: seed % 11 == 10,
        may_pause: seed % 4 == 3,
        strikes: seed % 13 != 12,
        max_receives: if seed % 7 == 6 { 6 } else { 1000 },
        retries: (seed % 4) as u32 / 2 * 2,
    }
}

pub async fn simulate(seed: u64) -> Outcome {
    let weather = weather(seed);
    let world = World::new(
        seed,
        weather.rates,
        weather.deadly_rows,
        weather.max_receives,
    )
    .await;
    let verdict = live(&world, &weather, seed).await;
    let mut seen = world.ledger.seen.lock().unwrap();
    let verdict = match seen.broken.take() {
        Some(broken) => Err(broken),
        None => verdict,
    };
    Outcome {
        verdict,
        trace: std::mem::take(&mut seen.trace),
        seen: world.chaos.seen(),
    }
}

async fn live(world: &World, weather: &Weather, seed: u64) -> Result<(), Broken> {
    let roles = [
        Role::Splitter,
        Role::Worker,
        Role::Worker,
        Role::Worker,
        Role::Aggregator,
        Role::Aggregator,
    ];
    let mut next_number = 0;
    let mut start = |role| {
        next_number += 1;
        world.start(role, next_number)
    };
    let mut running: FuturesUnordered<Numbered> = roles
        .into_iter()
        .map(|role| Numbered(start(role)))
        .collect();
    let clock = &*world.clock;
    let mut begun = clock.monotonic();
    let mut is_calm = false;
    let mut before: Option<Before> = None;
    loop {
        let now = clock.monotonic() - begun;
        if !is_calm && now > TROUBLE {
            is_calm = true;
            world.chaos.set_rates(Rates {
                latency_ms: 10,
                ..Rates::default()
            });
            let _ = world.ledger.inner.resume(&world.job_id).await;
        }
        if now > TROUBLE + PATIENCE {
            return Err(Broken {
                id: "I6",
                what: "the job never ends".to_string(),
            });
        }
        let job = world
            .ledger
            .inner
            .job(&world.job_id)
            .await
            .unwrap()
            .unwrap();
        if job.is_over() {
            // Zombies and duplicates may still be about: let them try.
            let settle = clock.sleep(LEASE * 4);
            tokio::pin!(settle);
            loop {
                tokio::select! {
                    biased;
                    () = &mut settle => break,
                    Some(ended) = running.next(), if !running.is_empty() => running.push(Numbered(start(ended))),
                }
            }
            let (inner, receiver) = (&world.ledger.inner, &world.receiver);
            receiver.check(&job, inner).await?;
            check_end(world, seed, before.as_ref()).await?;
            if job.generation >= weather.retries || job.state() == "COMPLETED" {
                // It is calm now: what waits is told, however often it failed before.
                while !inner.notices(1).await.unwrap().is_empty() {
                    if clock.monotonic() - begun > TROUBLE + PATIENCE {
                        let what = "a notice is never told".to_string();
                        return Err(Broken { id: "I6", what });
                    }
                    tokio::select! {
                        biased;
                        Some(ended) = running.next(), if !running.is_empty() => running.push(Numbered(start(ended))),
                        () = clock.sleep(LEASE) => {}
                    }
                }
                return receiver.check(&job, inner).await;
            }
            before = Some(Before::of(world).await);
            world.chaos.set_rates(weather.rates);
            retry(world, &mut running, &mut start).await?;
            (begun, is_calm) = (clock.monotonic(), false);
            continue;
        }
        check_on_the_way(world, &job).await?;
        bury_the_killed(world, &mut running, &mut start);
        tokio::select! {
            biased;
            Some(ended) = running.next(), if !running.is_empty() => running.push(Numbered(start(ended))),
            () = clock.sleep(Duration::from_millis(200 + clock.random() % 3000)) => {
                if !is_calm && weather.strikes {
                    strike(world, weather, &mut running, &mut start).await;
                }
            }
        }
    }
}

/// What a job's files say before it is retried.
struct Before {
    results: Vec<u8>,
    is_partial: bool,
    /// Rows that did not fail, as they stand there, by number.
    answered: BTreeMap<u64, csv::StringRecord>,
}

impl Before {
    async fn of(world: &World) -> Before {
        let whole = read(world, "results.csv").await;
        let is_partial = whole.is_none();
        let partial = read(world, "results.partial.csv").await;
        let results = whole.or(partial).unwrap_or_default();
        let answered = answered(&results);
        Before {
            results,
            is_partial,
            answered,
        }
    }
}

/// Rows that did not fail, by number.
fn answered(results: &[u8]) -> BTreeMap<u64, csv::StringRecord> {
    let mut reader = csv::Reader::from_reader(results);
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|h| h == name);
    let (Some(row), Some(outcome)) = (at("row"), at("outcome")) else {
        return BTreeMap::new();
    };
    let records = reader.records().map(Result::unwrap);
    records
        .filter(|record| &record[outcome] != "failed")
        .map(|record| (record[row].parse().unwrap(), record))
        .collect()
}

/// Says `annexa retry` until it was heard, while the services run and misbehave.
async fn retry(
    world: &World,
    running: &mut FuturesUnordered<Numbered>,
    start: &mut impl FnMut(Role) -> Process,
) -> Result<(), Broken> {
    let ports = world.control();
    let say = async {
        for _ in 0..50 {
            let job = world
                .ledger
                .inner
                .job(&world.job_id)
                .await
                .unwrap()
                .unwrap();
            match retry_job(&ports, &job, true).await {
                Ok(Retried::Begun { .. }) => {
                    world.chaos.saw("retried");
                    return true;
                }
                Ok(Retried::UnderWay { .. }) => return true,
                Ok(Retried::NothingToDo) => return false,
                Err(_) => {}
            }
        }
        false
    };
    tokio::pin!(say);
    loop {
        tokio::select! {
            biased;
            heard = &mut say => {
                let what = "a retry is not heard".to_string();
                return if heard { Ok(()) } else { Err(Broken { id: "I6", what }) };
            }
            Some(ended) = running.next(), if !running.is_empty() => running.push(Numbered(start(ended))),
        }
    }
}

/// A process that says what it was when it ends.
struct Numbered(Process);

impl Future for Numbered {
    type Output = Role;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Role> {
        let role = self.0.role;
        std::pin::Pin::new(&mut self.0).poll(context).map(|()| role)
    }
}

/// A deadly row takes its process along: dropped where it stands, another begins.
fn bury_the_killed(
    world: &World,
    running: &mut FuturesUnordered<Numbered>,
    start: &mut impl FnMut(Role) -> Process,
) {
    let killed: Vec<usize> = std::mem::take(&mut *world.killed.lock().unwrap());
    for number in killed {
        let all: Vec<Numbered> = std::mem::take(running).into_iter().collect();
        for process in all {
            if process.0.number == number {
                world.chaos.saw("killed_by_row");
                running.push(Numbered(start(process.0.role)));
            } else {
                running.push(process);
            }
        }
    }
}

/// One stroke of fate.
async fn strike(
    world: &World,
    weather: &Weather,
    running: &mut FuturesUnordered<Numbered>,
    start: &mut impl FnMut(Role) -> Process,
) {
    let clock = &*world.clock;
    let mut all: Vec<Numbered> = std::mem::take(running).into_iter().collect();
    // The set hands its processes out in no fixed order; their numbers are one.
    all.sort_by_key(|process| process.0.number);
    let victim = clock.random() as usize % all.len();
    match clock.random() % 24 {
        0..=4 => {
            world.chaos.saw(all[victim].0.role.crash_name());
            let role = all[victim].0.role;
            all[victim] = Numbered(start(role));
        }
        5..=7 | 20..=23 => {
            world.chaos.saw("freeze");
            // Mostly workers: theirs is the work that a zombie could spoil.
            let is_worker = |process: &Numbered| process.0.role == Role::Worker;
            let from = clock.random() as usize % all.len();
            let victim = (0..all.len())
                .map(|i| (from + i) % all.len())
                .find(|i| is_worker(&all[*i]));
            let victim = victim
                .filter(|_| !clock.random().is_multiple_of(4))
                .unwrap_or(from);
            let span = LEASE + Duration::from_millis(clock.random() % 60_000);
            all[victim].0.freeze(span);
        }
        8..=9 => {
            world.chaos.saw("drain");
            all[victim].0.shutdown.drain();
        }
        10..=12 if weather.may_pause => {
            let is_paused = world.ledger.resume(&world.job_id).await.unwrap_or(false);
            if !is_paused
                && world
                    .ledger
                    .pause(&world.job_id, &PauseReason::ByUser)
                    .await
                    .unwrap_or(false)
            {
                world.chaos.saw("pause");
            }
        }
        13 if weather.may_cancel => {
            let stopped = world.ledger.stop(&world.job_id, &Stop::Cancelled).await;
            if stopped.unwrap_or(false) {
                world.chaos.saw("cancel");
            }
        }
        _ => {}
    }
    running.extend(all);
}

/// I4, at any moment.
async fn check_on_the_way(world: &World, job: &JobRecord) -> Result<(), Broken> {
    let chunks = world
        .ledger
        .inner
        .chunks(&world.job_id, 0, u32::MAX)
        .await
        .unwrap();
    let in_queue: BTreeSet<ChunkNo> = world
        .chunks
        .bodies()
        .iter()
        .filter_map(|body| serde_json::from_str::<ChunkMessage>(body).ok())
        .filter(|message| message.generation == job.generation)
        .map(|message| message.chunk)
        .collect();
    let later = world.ledger_after(LEASE * 10);
    let swept = later
        .sweep_list(&world.job_id, LEASE.as_millis() as u64, u32::MAX)
        .await
        .unwrap();
    let swept: BTreeSet<ChunkNo> = swept.into_iter().collect();
    if job.paused.is_some() {
        return Ok(());
    }
    invariants::i4_no_orphan(job, &chunks, &in_queue, &swept)
}

/// I1, I2, I6, I8 and the results themselves, once the job is over.
async fn check_end(world: &World, seed: u64, before: Option<&Before>) -> Result<(), Broken> {
    let job = world
        .ledger
        .inner
        .job(&world.job_id)
        .await
        .unwrap()
        .unwrap();
    let chunks = world
        .ledger
        .inner
        .chunks(&world.job_id, 0, u32::MAX)
        .await
        .unwrap();
    invariants::i2_counters_are_exact(&job, &chunks)?;
    let tally = &job.counters.tally;
    let state = job.state();
    let saw = |kind| world.chaos.saw(kind);
    if tally.possibly_twice_paid_calls > 0 {
        saw("possibly_twice_paid");
    }
    if tally.paid_answers_reused > 0 {
        saw("paid_answer_reused");
    }
    world.chaos.set_rates(Rates::default());
    if let Some(before) = before {
        check_retry(world, &job, before).await?;
    }
    if state == "CANCELLED" {
        saw("cancelled");
        let partial = read(world, "results.partial.csv").await;
        let is_whole = read(world, "results.csv").await.is_some();
        let what = || {
            format!(
                "a cancelled job's files: partial {}, whole {is_whole}",
                partial.is_some()
            )
        };
        let expected = partial.is_some() || job.plan.is_none();
        return if expected && !is_whole {
            Ok(())
        } else {
            Err(Broken {
                id: "I6",
                what: what(),
            })
        };
    }
    saw(if state == "COMPLETED" {
        "completed"
    } else {
        "completed_with_errors"
    });
    invariants::balance(world.input.rows.len() as u64, tally)?;
    let results = read(world, "results.csv").await.unwrap_or_default();
    check_rows(world, &results, seed)?;
    let left = world
        .blobs
        .list("output", "results/_work/")
        .await
        .unwrap_or_default();
    // A zombie may write beside after the end; it never counts. All else is gone.
    let named: Vec<&String> = left.iter().filter(|key| !key.contains("-e")).collect();
    if !named.is_empty() {
        return Err(Broken {
            id: "I6",
            what: format!("left behind: {named:?}"),
        });
    }
    if world.chaos.seen().contains_key("prose") || seed.is_multiple_of(3) {
        // Repairs ask again on purpose.
        return Ok(());
    }
    let paid = world.paid.lock().unwrap();
    let texts_a_call = u64::from(world.spec.batch_size);
    let asked = paid.iter().map(|(text, calls)| (text.as_str(), *calls));
    invariants::i8_twice_paid_is_counted(asked, tally.possibly_twice_paid_calls * texts_a_call)
}

/// What was answered before is there as it was, and so are the files of before, beside it.
async fn check_retry(world: &World, job: &JobRecord, before: &Before) -> Result<(), Broken> {
    let broken = |what: String| Err(Broken { id: "I6", what });
    let now = Before::of(world).await;
    for (row, record) in &before.answered {
        if now.answered.get(row) != Some(record) {
            return broken(format!(
                "row {row} was answered and is another one after the retry"
            ));
        }
    }
    let name = if before.is_partial {
        "results.partial.csv"
    } else {
        "results.csv"
    };
    let kept = read(world, &format!("retry-{}/before/{name}", job.generation)).await;
    if !before.results.is_empty() && kept.as_ref() != Some(&before.results) {
        return broken(format!("{name} of before is not kept as it was"));
    }
    let state = job.state();
    world.chaos.saw(if state == "COMPLETED" {
        "retry_completed"
    } else {
        "retry_with_errors"
    });
    Ok(())
}

async fn read(world: &World, name: &str) -> Option<Vec<u8>> {
    let blob = BlobRef::new("output", format!("results/{name}"));
    world.blobs.get_range(&blob, 0, u64::MAX, None).await.ok()
}

/// The second sample of a row that has an answer: what the model says when it is asked once more, how it agrees, and the
/// reason for review where it does not.
fn check_second<'r>(world: &World, get: &dyn Fn(&str) -> &'r str, seed: u64) -> Result<(), Broken> {
    let broken = |what: String| {
        let row = get("row");
        Err(Broken {
            id: "I1",
            what: format!("row {row}: {what}"),
        })
    };
    let is_coded = get("outcome") == "coded";
    let is_marked = |reason: &str| get("review").split(';').any(|own| own == reason);
    let mut is_different = false;
    for problem in Problem::ALL {
        let of = |field: &str| get(&format!("{}_{field}", problem.column_prefix()));
        if !is_coded || is_marked("no_second_opinion") {
            if !(of("second_code").is_empty() && of("agreement").is_empty()) {
                return broken("a second code that nobody said".to_string());
            }
            continue;
        }
        let text = MemoryModel::sampled(get("mdr_text").trim());
        let due = MemoryModel::code_for(&world.terms, problem, &text);
        if of("second_code") != due {
            return broken(format!("{} where {due} was due", of("second_code")));
        }
        is_different |= of("agreement") == "different";
    }
    if is_coded && is_marked("no_second_opinion") {
        // Only a model that breaks its contract again and again fails to give one.
        if !seed.is_multiple_of(3) {
            return broken("no second opinion although nothing stood against it".to_string());
        }
        world.chaos.saw("second_sample_failed");
    }
    if is_different != is_marked("second_sample_disagrees") {
        return broken(format!(
            "different: {is_different}, and review says otherwise"
        ));
    }
    if is_different {
        world.chaos.saw("second_sample_disagrees");
    }
    Ok(())
}

fn check_rows(world: &World, results: &[u8], seed: u64) -> Result<(), Broken> {
    let mut reader = csv::Reader::from_reader(results);
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|h| h == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let ids: Vec<String> = world.input.rows.iter().map(|row| row.id.clone()).collect();
    invariants::i1_rows_in_order(
        &ids,
        rows.iter()
            .map(|row| (row[at("row")].parse().unwrap(), row[at("id")].to_string())),
    )?;
    for (row, expected) in rows.iter().zip(&world.input.rows) {
        let got = [
            &row[at("outcome")],
            &row[at("product_problem_code")],
            &row[at("patient_problem_code")],
        ];
        let due = [
            expected.outcome,
            expected.product.as_str(),
            expected.patient.as_str(),
        ];
        let error = &row[at("error")];
        let is_blamed =
            error.starts_with("row_kills_worker:") || error.starts_with("chunk_given_up:");
        let by_message = error.contains("its message was received");
        if is_blamed && !expected.is_deadly && !by_message {
            // Crashes from outside that hit the same row in isolation again and again look like the row's doing.
            world.chaos.saw("innocent_row_blamed");
        }
        // Only what kills workers, or a model that breaks its contract again and again, may fail a row.
        let may_fail = is_blamed || expected.is_deadly || seed.is_multiple_of(3);
        if got == due || (got[0] == "failed" && may_fail && !error.is_empty()) {
            if world.spec.second_opinion.is_some() {
                check_second(world, &|name| &row[at(name)], seed)?;
            }
            continue;
        }
        let what = format!(
            "row {}: {got:?} where {due:?} was due ({})",
            &row[at("row")],
            &row[at("error")]
        );
        return Err(Broken { id: "I1", what });
    }
    Ok(())
}
