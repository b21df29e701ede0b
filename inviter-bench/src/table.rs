//! The figures for people.

use std::io::{self, Write};

use crate::{Report, directory::Reading, stages::Case, syncs::CONSTANT, tenant::TenantReading};

/// Times of the floor.
const STAGES_AIM: f64 = 5.0;
/// Bytes in all, at a million memberships.
const MEMORY_AIM: u64 = 400_000_000;
/// Times of the bare client.
const FIRST_SYNC_AIM: f64 = 1.3;
/// Times of ldapsearch.
const READ_AIM: f64 = 1.5;
/// Bytes in all, at a hundred thousand people.
const READ_MEMORY_AIM: u64 = 300_000_000;
/// Times of a client that only downloads.
const TENANT_AIM: f64 = 1.5;
/// Requests of a read when nothing has changed.
const AGAIN_AIM: usize = 5;
const MILLION: usize = 1_000_000;

/// Writes the tables, and which aim is met.
pub(crate) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report {
        stages,
        syncs,
        directory,
        tenants,
    } = report;
    writeln!(
        out,
        "resolve, unite, plan, guard: median times in ms, memory in MB"
    )?;
    writeln!(
        out,
        "{:>11} {:>7} {:>9} | {:>9} {:>7} {:>9} {:>7} | {:>9} {:>8} {:>7} | {:>6} {:>6}",
        "memberships",
        "rooms",
        "accounts",
        "resolve",
        "unite",
        "plan",
        "guard",
        "all",
        "floor",
        "ratio",
        "input",
        "peak",
    )?;
    for case in stages {
        let (scale, times) = (case.scale, case.stages);
        writeln!(
            out,
            "{:>11} {:>7} {:>9} | {:>9.1} {:>7.1} {:>9.1} {:>7.1} | {:>9.1} {:>8.1} {:>7.2} | {:>6} {:>6}",
            scale.memberships,
            scale.rooms,
            scale.accounts,
            times.resolve,
            times.unite,
            times.plan,
            times.guard,
            case.total_ms,
            case.floor_ms,
            case.ratio,
            megabytes(case.input_bytes),
            megabytes(case.peak_bytes),
        )?;
    }
    for case in stages.iter().filter(|case| case.scale.memberships == MILLION) {
        writeln!(
            out,
            "{}: at most {STAGES_AIM} times the floor at 1e6: {:.2}",
            verdict(case.ratio <= STAGES_AIM),
            case.ratio
        )?;
        writeln!(
            out,
            "{}: at most {} MB in all at 1e6: {} MB, of which the input takes {} MB",
            verdict(case.peak_bytes <= MEMORY_AIM),
            megabytes(MEMORY_AIM),
            megabytes(case.peak_bytes),
            megabytes(case.input_bytes)
        )?;
    }
    let scale = syncs.scale;
    writeln!(
        out,
        "\nfirst sync, {} rooms with {} people each: {:.0} ms, {} requests, of which {} write",
        scale.rooms, scale.people, syncs.first_ms, syncs.first_requests, syncs.first_writes
    )?;
    for (in_flight, time) in &syncs.bare_ms {
        writeln!(out, "bare client, {in_flight:>2} at a time: {time:>7.0} ms")?;
    }
    writeln!(
        out,
        "reference bot, 20 rooms with 50 people each: 55 s without its sleeps, about 59 min with them, 1,282 requests"
    )?;
    writeln!(
        out,
        "{}: at most {FIRST_SYNC_AIM} times the best bare client: {:.2}",
        verdict(syncs.ratio <= FIRST_SYNC_AIM),
        syncs.ratio
    )?;
    writeln!(
        out,
        "second sync: {:.0} ms through the counting proxy, {} requests, of which {} write",
        syncs.second_ms, syncs.second_requests, syncs.second_writes
    )?;
    let few = syncs.second_requests <= scale.rooms + CONSTANT && syncs.second_writes == 0;
    writeln!(
        out,
        "{}: at most {} requests in the second sync (one a room and {CONSTANT}), none of them writing",
        verdict(few),
        scale.rooms + CONSTANT
    )?;
    write_directory(out, directory)?;
    write_tenants(out, tenants)
}

fn write_directory(out: &mut impl Write, directory: &Reading) -> io::Result<()> {
    let (scale, content) = (directory.scale, directory.content);
    writeln!(
        out,
        "\ndirectory of {} people and {} groups, {} memberships and {} groups in groups: {:.0} ms, ldapsearch {:.0} ms",
        scale.people,
        scale.groups,
        content.memberships,
        content.nested,
        directory.read_ms,
        directory.ldapsearch_ms
    )?;
    writeln!(
        out,
        "{}: at most {READ_AIM} times ldapsearch: {:.2}",
        verdict(directory.ratio <= READ_AIM),
        directory.ratio
    )?;
    writeln!(
        out,
        "{}: at most {} searches, one a page of {}: {}",
        verdict(directory.searches <= directory.pages),
        directory.pages,
        directory.page_size,
        directory.searches
    )?;
    writeln!(
        out,
        "{}: at most {} MB in all: {} MB",
        verdict(directory.peak_bytes <= READ_MEMORY_AIM),
        megabytes(READ_MEMORY_AIM),
        megabytes(directory.peak_bytes)
    )
}

fn write_tenants(out: &mut impl Write, tenants: &[TenantReading]) -> io::Result<()> {
    for tenant in tenants {
        writeln!(
            out,
            "\ntenant of {} users, {} rooms and {} groups, {} people in rooms, nested six deep in circles, {} ms before \
             each answer; members exactly right: {:.0} ms, {} requests, {} MB; only downloading the same: {:.0} ms, {:.2}",
            tenant.scale.users,
            tenant.scale.rooms,
            tenant.groups,
            tenant.seats,
            tenant.scale.latency.as_millis(),
            tenant.read_ms,
            tenant.requests,
            megabytes(tenant.peak_bytes),
            tenant.bare_ms,
            tenant.ratio
        )?;
    }
    if let Some(tenant) = tenants.last() {
        writeln!(
            out,
            "{}: at most {TENANT_AIM} times downloading: {:.2}",
            verdict(tenant.ratio <= TENANT_AIM),
            tenant.ratio
        )?;
        writeln!(
            out,
            "{}: at most {AGAIN_AIM} requests when nothing has changed: {}, {:.0} ms",
            verdict(tenant.again_requests <= AGAIN_AIM),
            tenant.again_requests,
            tenant.again_ms
        )?;
    }
    Ok(())
}

/// The outcome in one line, for programs too.
pub(crate) fn last_line(report: &Report) -> String {
    let Report {
        stages,
        syncs,
        directory,
        tenants,
    } = report;
    let case = stages.iter().find(|case| case.scale.memberships == MILLION);
    let plan = case.or(stages.last()).map(|case: &Case| {
        format!(
            "plan 1e{} {:.0} ms = {:.2} × floor",
            case.scale.memberships.ilog10(),
            case.total_ms,
            case.ratio
        )
    });
    let tenant = tenants.last().map(|tenant| {
        format!(
            ", entra read {:.2} × download, {} requests, then {}",
            tenant.ratio, tenant.requests, tenant.again_requests
        )
    });
    format!(
        "bench ok: {}, first sync {:.2} × bare client, second sync {} requests, ldap read {:.2} × \
         ldapsearch, {} searches, {} MB{}",
        plan.unwrap_or_default(),
        syncs.ratio,
        syncs.second_requests,
        directory.ratio,
        directory.searches,
        megabytes(directory.peak_bytes),
        tenant.unwrap_or_default()
    )
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000
}
