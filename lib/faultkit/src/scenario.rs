use mpanel_jobs::{Kind, OperationState};

/// Around its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Before,
    After,
}

/// Which of an operation's functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Run,
    Undo,
    Finished,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is done twice.
    Twice,
    /// It fails for now.
    Retry(Moment),
    /// It fails for good.
    Fail(Moment),
    Panic(Moment),
    /// The worker dies.
    Kill(Moment),
    /// The worker dies where the step has waited so often.
    KillInside(usize),
    /// Somebody cancels the operation.
    Cancel(Moment),
}

/// Something that goes wrong once, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) part: Part,
    pub(crate) step: String,
    pub(crate) wrong: Wrong,
}

/// Faults of one run, and how it may end.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) faults: Vec<Fault>,
    pub(crate) ends: &'static [OperationState],
}

const SUCCEEDED: &[OperationState] = &[OperationState::Succeeded];
const FAILED: &[OperationState] = &[OperationState::Failed];
const CANCELLED: &[OperationState] = &[OperationState::Cancelled];
/// In the last step somebody may come too late.
const CANCELLED_OR_DONE: &[OperationState] = &[OperationState::Cancelled, OperationState::Succeeded];

impl Scenario {
    pub(crate) fn name(&self) -> String {
        if self.faults.is_empty() {
            return "nothing goes wrong".to_owned();
        }
        let faults = self.faults.iter();
        let names = faults.map(|fault| format!("{:?} in {:?} {}", fault.wrong, fault.part, fault.step));
        names.collect::<Vec<_>>().join(", then ")
    }
}

fn fault(part: Part, step: &str, wrong: Wrong) -> Fault {
    Fault {
        part,
        step: step.to_owned(),
        wrong,
    }
}

/// Everything that can go wrong with an operation of this kind, one thing after the other. `no_way_back` is the step whose
/// effect cannot be undone.
///
/// # Panics
/// When it has no such step.
pub(crate) fn all(kind: &'static Kind, no_way_back: Option<&str>) -> Vec<Scenario> {
    use Moment::{After, Before};
    let place = |key| kind.steps.iter().position(|step| step.key == key);
    let point = no_way_back.map(|key| place(key).expect("the point of no return is one of its steps"));
    let failed = |at: usize, moment| match point {
        Some(point) if (at, moment) > (point, Before) => SUCCEEDED,
        _ => FAILED,
    };
    // Before what cannot be taken back, and as long as another step is to come, whoever cancels is heard.
    let cancelled = |at: usize, moment| match point {
        Some(point) if (at, moment) > (point, Before) => SUCCEEDED,
        None if at + 1 == kind.steps.len() => CANCELLED_OR_DONE,
        _ => CANCELLED,
    };
    let mut all = vec![Scenario {
        faults: Vec::new(),
        ends: SUCCEEDED,
    }];
    let mut add = |faults: Vec<Fault>, ends| all.push(Scenario { faults, ends });
    for (at, step) in kind.steps.iter().enumerate() {
        let one = |wrong| vec![fault(Part::Run, step.key, wrong)];
        add(one(Wrong::Twice), SUCCEEDED);
        for moment in [Before, After] {
            add(one(Wrong::Retry(moment)), SUCCEEDED);
            add(one(Wrong::Kill(moment)), SUCCEEDED);
            add(one(Wrong::Fail(moment)), failed(at, moment));
            add(one(Wrong::Cancel(moment)), cancelled(at, moment));
        }
        for waits in [1, 4, 12] {
            add(one(Wrong::KillInside(waits)), SUCCEEDED);
        }
        add(one(Wrong::Panic(After)), failed(at, After));
    }
    let Some(end) = kind.steps.len().checked_sub(1) else {
        return all;
    };
    // The way back from the last place that has one: whatever was done is undone.
    let (last, moment) = point.map_or((end, After), |point| (point, Before));
    let turn = || fault(Part::Run, kind.steps[last].key, Wrong::Fail(moment));
    for step in &kind.steps[..=last] {
        for wrong in [
            Wrong::Twice,
            Wrong::Retry(After),
            Wrong::Kill(Before),
            Wrong::Kill(After),
            Wrong::KillInside(3),
        ] {
            add(vec![turn(), fault(Part::Undo, step.key, wrong)], FAILED);
        }
    }
    for wrong in [
        Wrong::Twice,
        Wrong::Retry(Before),
        Wrong::Retry(After),
        Wrong::Kill(Before),
        Wrong::Kill(After),
        Wrong::KillInside(3),
    ] {
        add(vec![fault(Part::Finished, "", wrong)], SUCCEEDED);
        add(vec![turn(), fault(Part::Finished, "", wrong)], FAILED);
    }
    all
}
