//! The commands from before a restore of the store: held until an admin releases or cancels them.

use super::components::Components;
use super::{auth::Authenticated, parts::Path, problem::ApiError, tags::HOST};
use axum::{Json, extract::State};
use mdm_contract::{
    CommandId,
    time::{self, Timestamp},
};
use mdm_server_core::{restores::Restores, store::RestoreState};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

type RestoresState = State<Arc<Restores>>;
type JsonResult<T> = Result<Json<T>, ApiError>;

/// Held commands in a response.
const MAX_COMMANDS: u32 = 500;

pub(super) fn router() -> OpenApiRouter<Components> {
    OpenApiRouter::new()
        .routes(routes!(held_commands))
        .routes(routes!(decide_held_commands))
}

/// The restore of the store, if one awaits a decision, and the commands that are held.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct HeldCommands {
    /// The time when a restore was noticed. `None` if there was none, or an admin has decided.
    #[serde(with = "time::option", default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub undecided_since: Option<Timestamp>,
    /// The number of held commands.
    pub held: u64,
    /// The first 500 of them, oldest first.
    pub commands: Vec<HeldCommand>,
}

/// A pending command that is delivered to no device for now.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct HeldCommand {
    /// Its device.
    pub device: String,
    /// The command.
    pub command: CommandId,
}

mdm_contract::text_enum! {
    /// The decision on the held commands.
    #[derive(ToSchema)]
    HeldDecision {
        /// They are delivered.
        Release = "release",
        /// They are cancelled.
        Cancel = "cancel",
    }
}

impl HeldCommands {
    fn new(state: RestoreState, commands: Vec<(String, CommandId)>) -> Self {
        Self {
            undecided_since: state.undecided_since,
            held: state.held,
            commands: commands
                .into_iter()
                .map(|(device, command)| HeldCommand { device, command })
                .collect(),
        }
    }
}

/// The commands from before a restore that are held.
#[utoipa::path(
    get,
    path = "/held-commands",
    tag = HOST,
    responses((status = 200, body = HeldCommands)),
)]
async fn held_commands(
    Authenticated(by): Authenticated,
    restores: RestoresState,
) -> JsonResult<HeldCommands> {
    let (state, commands) = restores.held(&by, MAX_COMMANDS).await?;
    Ok(Json(HeldCommands::new(state, commands)))
}

/// Decides about the held commands.
///
/// `release` lets them be delivered, and running bulks go on. `cancel` cancels them, and the bulks that were running.
#[utoipa::path(
    put,
    path = "/held-commands/{decision}",
    tag = HOST,
    params(("decision" = inline(HeldDecision), Path, description = "What becomes of the held commands.")),
    responses((status = 200, body = HeldCommands)),
)]
async fn decide_held_commands(
    Authenticated(by): Authenticated,
    restores: RestoresState,
    Path(decision): Path<HeldDecision>,
) -> JsonResult<HeldCommands> {
    let state = match decision {
        HeldDecision::Release => restores.release(&by).await?,
        HeldDecision::Cancel => restores.cancel(&by).await?,
    };
    Ok(Json(HeldCommands::new(state, Vec::new())))
}
