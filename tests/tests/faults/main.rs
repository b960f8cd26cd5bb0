//! Faults at random instants under load, a few rounds of each kind; `cargo xtask faults` does hundreds. The seed is
//! printed, and so is how to make a failure happen again.

use mdm_tests::faults::{Kind, Plan};

/// The kind strikes this often; then nothing is lost, doubled or wrong.
#[track_caller]
fn survives(kind: Kind, rounds: u32) {
    let seed = fastrand::u64(..1_000_000);
    if let Err(error) = (Plan { kind, seed, rounds }).run() {
        panic!("{error:#}");
    }
}

#[test]
fn a_sigkill_of_the_host_loses_no_command_and_doubles_none() {
    survives(Kind::Host, 6);
}

#[test]
fn idempotency_keys_that_are_repeated_across_kills_execute_once() {
    survives(Kind::Keys, 6);
}

#[test]
fn a_frozen_replica_delays_no_call_to_another_replica_beyond_five_seconds() {
    survives(Kind::FrozenReplica, 3);
}

#[test]
fn a_frozen_leader_is_replaced_within_fifteen_seconds() {
    survives(Kind::FrozenLeader, 3);
}

#[test]
fn a_silent_database_keeps_no_call_waiting_beyond_its_limit() {
    survives(Kind::SilentDatabase, 3);
}

#[test]
fn a_sigkill_of_agents_loses_no_command_and_doubles_none() {
    survives(Kind::Agent, 6);
}

#[test]
fn a_sigkill_of_host_and_agents_at_once_loses_no_command_and_doubles_none() {
    survives(Kind::Both, 6);
}

#[test]
fn a_sigkill_of_postgresql_under_two_replicas_loses_no_command_and_doubles_none() {
    survives(Kind::Database, 4);
}

#[test]
fn a_sigkill_of_a_replica_loses_no_command_and_doubles_none() {
    survives(Kind::Replica, 4);
}

#[test]
fn a_sigkill_of_the_broker_loses_no_command_and_doubles_none() {
    survives(Kind::Broker, 4);
}

#[test]
fn a_full_disk_is_told_to_clients_and_loses_nothing_and_there_needs_to_be_no_restart() {
    survives(Kind::Disk, 3);
}

#[test]
fn a_database_that_became_read_only_is_told_to_clients_and_loses_nothing() {
    survives(Kind::ReadOnly, 3);
}

#[test]
fn a_restore_of_an_older_backup_repeats_no_command_and_delivers_none_unasked() {
    survives(Kind::Restore, 3);
}

#[test]
fn clocks_that_step_back_and_forward_give_no_command_a_second_outcome() {
    survives(Kind::Clock, 5);
}

#[test]
fn a_network_that_is_cut_half_cut_slow_or_gone_within_an_answer_loses_and_doubles_nothing() {
    survives(Kind::Network, 5);
}

#[test]
fn reports_that_come_late_twice_and_out_of_order_give_no_command_a_second_outcome() {
    survives(Kind::Reports, 5);
}
