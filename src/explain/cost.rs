//! What a row cost, as a sum that can be checked: tokens times price, and its share of its call.

use serde::Serialize;

use crate::core::money::{NanoUsd, Price, Usage};
use crate::outputs::StoredRow;
use crate::report::summary::PriceUsed;

/// The cost of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostShown {
    /// US dollars as the row has it; empty: the price is not known.
    pub cost_usd: String,
    /// The row's tokens, each kind with its price; none: no tokens, or no price.
    pub parts: Vec<CostPart>,
    /// Tokens times price, in US dollars; none: the price is not known.
    pub computed_usd: Option<String>,
    /// The call that answered, of which this is a share; none: not known, or it has cost the row nothing.
    pub call: Option<CallCost>,
    /// How these go together.
    pub says: String,
}

/// One kind of token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostPart {
    pub kind: &'static str,
    pub tokens: u64,
    pub usd_per_million: String,
}

/// The cost of a whole call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallCost {
    /// Rows that share it.
    pub rows: usize,
    /// US dollars of these rows together.
    pub rows_usd: String,
    /// Their tokens times price.
    pub computed_usd: String,
    /// Whether these are equal, to the nano-dollar.
    pub is_equal: bool,
}

/// A row's own use and cost; none: the price is not known.
pub fn of_row(row: &StoredRow<'_>) -> (Usage, Option<NanoUsd>) {
    let tokens = |name: &str| row.own(name).parse().unwrap_or_default();
    let usage = Usage {
        input_tokens: tokens("input_tokens"),
        output_tokens: tokens("output_tokens"),
        cache_read_tokens: tokens("cache_read_tokens"),
        cache_write_tokens: tokens("cache_write_tokens"),
    };
    (usage, row.own("cost_usd").parse().ok())
}

/// The arithmetic of `row`, at the price that the job used. `call`: all rows of its call, itself among them, where they are
/// known and each took part in this call alone.
pub fn explain(
    row: &StoredRow<'_>,
    price: Option<&PriceUsed>,
    call: Option<&[(Usage, Option<NanoUsd>)]>,
) -> CostShown {
    let (usage, cost) = of_row(row);
    let cost_usd = row.own("cost_usd").to_string();
    let tokens = usage.prompt_tokens() + usage.output_tokens;
    let none = |says: &str| CostShown {
        cost_usd: cost_usd.clone(),
        parts: Vec::new(),
        computed_usd: None,
        call: None,
        says: says.to_string(),
    };
    if tokens == 0 {
        return none(match row.own("answered_by") {
            "" => "nobody was asked, so it cost nothing",
            "precedents" => "the offline model costs nothing",
            "paid_answer" => {
                "the answer was paid for by another row or job, and costs this row nothing"
            }
            _ => "no tokens were used",
        });
    }
    let Some((prices, used)) = price.and_then(|used| Some((of_used(used)?, used))) else {
        return none("the model's price was not known, so that the cost is not");
    };
    let part = |kind, tokens, usd: &String| CostPart {
        kind,
        tokens,
        usd_per_million: usd.clone(),
    };
    let computed = usage.cost(&prices);
    let call = call.and_then(|rows| of_call(rows, &prices));
    let says = match (cost, &call) {
        (Some(cost), _) if cost == computed => "tokens times price is the row's cost",
        (_, Some(call)) if call.is_equal => {
            "tokens times price is the call's cost; tokens and cost are shared out each by the length of the texts, in whole \
             tokens and nano-dollars, so that a row's own product is off by less than a token of each kind"
        }
        (_, Some(_)) => {
            "tokens times price is not the call's cost: a long prompt costs a multiple, or the files were changed"
        }
        _ => {
            "the row has its shares of several calls, or of one whose other rows are not known: tokens and cost are shared out \
             each by the length of the texts, so that its own product is off by less than a token of each kind and call"
        }
    };
    CostShown {
        cost_usd: cost_usd.clone(),
        parts: vec![
            part("input", usage.input_tokens, &used.input_usd_per_million),
            part("output", usage.output_tokens, &used.output_usd_per_million),
            part(
                "cache read",
                usage.cache_read_tokens,
                &used.cache_read_usd_per_million,
            ),
            part(
                "cache write",
                usage.cache_write_tokens,
                &used.cache_write_usd_per_million,
            ),
        ],
        computed_usd: Some(computed.to_string()),
        call,
        says: says.to_string(),
    }
}

fn of_call(rows: &[(Usage, Option<NanoUsd>)], price: &Price) -> Option<CallCost> {
    let (mut usage, mut cost) = (Usage::default(), NanoUsd::ZERO);
    for (of_row, cost_of_row) in rows {
        usage += *of_row;
        cost += (*cost_of_row)?;
    }
    let computed = usage.cost(price);
    Some(CallCost {
        rows: rows.len(),
        rows_usd: cost.to_string(),
        computed_usd: computed.to_string(),
        is_equal: cost == computed,
    })
}

/// The price as a summary has it, in the units of arithmetic; none: it is not one.
fn of_used(used: &PriceUsed) -> Option<Price> {
    // Nano-dollars a million tokens are thousandths of a pico-dollar a token.
    let pico = |usd: &str| Some(usd.parse::<NanoUsd>().ok()?.0 / 1_000);
    Some(Price {
        input_pico_usd: pico(&used.input_usd_per_million)?,
        output_pico_usd: pico(&used.output_usd_per_million)?,
        cache_read_pico_usd: pico(&used.cache_read_usd_per_million)?,
        cache_write_pico_usd: pico(&used.cache_write_usd_per_million)?,
        long_prompt: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_comes_back_as_it_was() {
        let price = Price {
            input_pico_usd: 1_100_000,
            output_pico_usd: 5_500_000,
            cache_read_pico_usd: 137_500,
            cache_write_pico_usd: 1_375_001,
            long_prompt: None,
        };
        assert_eq!(of_used(&PriceUsed::from(price)), Some(price));
    }
}
