//! The operations of an OpenAPI document, and the problems that they answer with.

use super::problem::PROBLEM_JSON;
use mdm_agent_protocol::sync::Problem;
use utoipa::{
    ToSchema as _,
    openapi::{Content, HttpMethod, PathItem, Ref, Response, ResponseBuilder, path::Operation},
};

/// The operations of a path.
#[cfg(test)]
pub(super) fn operations(item: &PathItem) -> impl Iterator<Item = (HttpMethod, &Operation)> {
    [
        (HttpMethod::Get, &item.get),
        (HttpMethod::Put, &item.put),
        (HttpMethod::Post, &item.post),
        (HttpMethod::Delete, &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// The operations of a path, to be changed.
pub(super) fn operations_mut(
    item: &mut PathItem,
) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds a response that is a problem, if the operation has none of this status.
pub(super) fn add_problem(operation: &mut Operation, status: &str, what: &str) {
    let problem = Content::builder().schema(Some(Ref::from_schema_name(Problem::name())));
    let response: Response = ResponseBuilder::new()
        .description(what)
        .content(PROBLEM_JSON, problem.build())
        .build();
    let responses = &mut operation.responses.responses;
    responses
        .entry(status.to_owned())
        .or_insert_with(|| response.into());
}
