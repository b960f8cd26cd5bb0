//! `mdm-plugin bench`: measures the cost of plugins in one run with the reference plugin.

use crate::component::{self, runtime, size};
use anyhow::{Context as _, anyhow};
use clap::Args;
use mdm_conformance::Situation;
use mdm_contract::Request;
use mdm_password_component::REFERENCE;
use mdm_password_host::{Artifacts, CallOutcome, Instance, Plugin, Runtime};
use mdm_terminal::{out, values};
use serde::Serialize;
use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The time for which each kind of call is measured.
const SPAN: Duration = Duration::from_millis(700);

/// The number of live instances for the measurement of memory.
const INSTANCES: u32 = 8;

#[derive(Args)]
pub(crate) struct Bench {
    /// The components.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print JSON, for scripts.
    #[arg(long)]
    json: bool,
}

/// The cost of a plugin.
#[derive(Serialize)]
struct Cost {
    plugin: String,
    /// Of the component, in bytes.
    size: usize,
    /// A reset on an instance that lives on, in seconds: the median.
    live: f64,
    /// A reset on an instance of its own, in seconds: the median.
    fresh: f64,
    /// To compile the component, in seconds.
    compile: f64,
    /// To load what it was compiled to, in seconds.
    load: f64,
    /// The linear memory of an instance after a reset, in bytes.
    linear_memory: usize,
    /// The resident memory of an instance, in bytes.
    resident_memory: usize,
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let scratch = TempDir::new().context("no scratch folder can be made")?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).context("the operating system gave no random bytes")?;
        let costs = self.measure(&Artifacts::open(scratch.path(), key)?)?;
        if self.json {
            out::line(values::json(&costs)?)?;
        } else {
            out::text(page(&costs)?)?;
        }
        Ok(())
    }

    fn measure(&self, artifacts: &Artifacts) -> anyhow::Result<Vec<Cost>> {
        let mut costs = vec![cost("reference".into(), REFERENCE, artifacts)?];
        for file in &self.files {
            let name = file.display().to_string();
            let of = cost(name, &component::read(file)?, artifacts);
            costs.push(of.with_context(|| format!("{} can't be measured", file.display()))?);
        }
        Ok(costs)
    }
}

fn cost(plugin: String, component: &[u8], artifacts: &Artifacts) -> anyhow::Result<Cost> {
    let engine = runtime(INSTANCES)?;
    let begun = Instant::now();
    let artifact = engine.compile_ahead(component, artifacts)?;
    let compile = begun.elapsed().as_secs_f64();
    let load = median(|| {
        engine.load(&artifact, Some(artifacts))?;
        Ok(())
    })?;
    let loaded = engine.load(&artifact, Some(artifacts))?;
    let situation = mdm_conformance::acceptable(&loaded)?
        .ok_or_else(|| anyhow!("it accepts no password of the conformance kit"))?;
    let request = mdm_conformance::base_request()?;
    // On a new engine, which has no resident memory yet.
    let (linear_memory, resident_memory) = memory(
        &runtime(INSTANCES)?,
        &artifact,
        artifacts,
        (&situation, &request),
    )?;
    let mut instance = loaded.instance()?;
    Ok(Cost {
        plugin,
        size: component.len(),
        live: median(|| reset(&mut instance, &situation, &request))?,
        fresh: median(|| reset(&mut loaded.instance()?, &situation, &request))?,
        compile,
        load,
        linear_memory,
        resident_memory,
    })
}

/// One reset as in a host: with a new call context.
fn reset(instance: &mut Instance, situation: &Situation, request: &Request) -> anyhow::Result<()> {
    let context = situation.context(true);
    match instance.reset(context, request)? {
        CallOutcome::Accepted { .. } => Ok(()),
        CallOutcome::Refused(refusal) => Err(anyhow!("{refusal}")),
    }
}

fn memory(
    engine: &Runtime,
    artifact: &[u8],
    artifacts: &Artifacts,
    (situation, request): (&Situation, &Request),
) -> anyhow::Result<(usize, usize)> {
    let plugin: Plugin = engine.load(artifact, Some(artifacts))?;
    let before = resident()?;
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        let mut instance = plugin.instance()?;
        reset(&mut instance, situation, request)?;
        instances.push(instance);
    }
    let grown = resident()?.saturating_sub(before) / INSTANCES as usize;
    Ok((instances.first().map_or(0, Instance::memory), grown))
}

/// The memory of this process, in bytes.
fn resident() -> anyhow::Result<usize> {
    let status = fs::read_to_string("/proc/self/status").context("/proc can't be read")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    Ok(kibibytes.context("/proc tells no memory")? * 1024)
}

/// The median time of a run, in seconds, over all runs within the span.
fn median(mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    run()?;
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < SPAN || times.len() < 5 {
        let run_begun = Instant::now();
        run()?;
        times.push(run_begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64())
}

fn page(costs: &[Cost]) -> Result<String, std::fmt::Error> {
    let width = costs.iter().map(|it| it.plugin.len()).max().unwrap_or(0);
    let mut page = format!(
        "{:width$}  {:>10}  {:>18}  {:>18}  {:>10}  {:>9}  {:>10}  {:>10}\n",
        "PLUGIN", "SIZE", "LIVE RESET", "FRESH RESET", "COMPILE", "LOAD", "LINEAR", "RESIDENT"
    );
    let Some(reference) = costs.first() else {
        return Ok(page);
    };
    for cost in costs {
        writeln!(
            page,
            "{:width$}  {:>10}  {:>18}  {:>18}  {:>10}  {:>9}  {:>10}  {:>10}",
            cost.plugin,
            size(cost.size),
            beside(cost.live, reference.live),
            beside(cost.fresh, reference.fresh),
            time(cost.compile),
            time(cost.load),
            size(cost.linear_memory),
            size(cost.resident_memory)
        )?;
    }
    Ok(page)
}

/// A time, and its ratio to the reference's.
fn beside(seconds: f64, reference: f64) -> String {
    format!("{} ({:.1}×)", time(seconds), seconds / reference)
}

fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-3 => format!("{:.1} µs", seconds * 1e6),
        seconds if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}
