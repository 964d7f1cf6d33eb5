//! Turns on a worker's processor, so that nobody's work waits for all of somebody else's.
//!
//! Each worker thread keeps, for every holder with requests at work, how much of the processor it has used, and compares that with
//! what an equal share would have been (a fair queue: Demers, Keshav and Shenker, 1989). Who has not used more goes on at once. The
//! others wait in a line: whoever has used least comes first, and only after everything that was ready before. So the processor is
//! never idle while there is work, and somebody who is alone never waits.

use engine::base::shares::Holder;
use std::collections::{BTreeMap, HashMap};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::task::yield_now;

/// Time by which a holder may be ahead of its share before it waits in line.
const AHEAD: Duration = Duration::from_millis(1);
/// Time without work after which a holder has no share.
const AWAY: Duration = Duration::from_millis(100);

thread_local! {
    static TURNS: Arc<Mutex<Turns>> = Arc::new(Mutex::new(Turns::new(Instant::now())));
}

/// The turns of one worker.
struct Turns {
    /// The processor time that an equal share has been so far.
    share: Duration,
    at: Instant,
    cleaned: Instant,
    accounts: HashMap<Holder, Account>,
    /// Those who wait in line, by what they have used.
    line: BTreeMap<Ticket, Waker>,
    /// The one who is next, until its task runs.
    next: Option<Ticket>,
    tickets: u64,
}

type Ticket = (Duration, u64);

struct Account {
    /// Its share when it came, and what it has used since.
    used: Duration,
    seen: Instant,
}

impl Turns {
    fn new(now: Instant) -> Self {
        Self {
            share: Duration::ZERO,
            at: now,
            cleaned: now,
            accounts: HashMap::new(),
            line: BTreeMap::new(),
            next: None,
            tickets: 0,
        }
    }

    /// Returns what the holder has used, and at least its share: nobody saves up turns.
    fn used(&mut self, holder: Holder, now: Instant) -> Duration {
        if now - self.cleaned >= AWAY {
            self.accounts.retain(|_, account| now - account.seen < AWAY);
            self.cleaned = now;
        }
        let many = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX).max(1);
        self.share += now.saturating_duration_since(self.at) / many;
        self.at = now;
        let account = self.accounts.entry(holder).or_insert(Account { used: self.share, seen: now });
        account.seen = now;
        account.used = account.used.max(self.share);
        account.used
    }

    fn charge(&mut self, holder: Holder, time: Duration) {
        if let Some(account) = self.accounts.get_mut(&holder) {
            account.used += time;
        }
    }

    fn stand_in_line(&mut self, used: Duration, waker: Waker) -> Ticket {
        self.tickets += 1;
        let ticket = (used, self.tickets);
        self.line.insert(ticket, waker);
        self.call_next();
        ticket
    }

    /// Wakes the first in line. Its task comes after all tasks that are ready now.
    fn call_next(&mut self) {
        if self.next.is_none()
            && let Some((ticket, waker)) = self.line.pop_first()
        {
            self.next = Some(ticket);
            waker.wake();
        }
    }

    fn leave(&mut self, ticket: Ticket) {
        self.line.remove(&ticket);
        if self.next == Some(ticket) {
            self.next = None;
            self.call_next();
        }
    }
}

fn held(turns: &Mutex<Turns>) -> MutexGuard<'_, Turns> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place among those that take turns on a worker.
pub struct Turn {
    turns: Arc<Mutex<Turns>>,
    ticket: Option<Ticket>,
    has_yielded: bool,
}

impl Turn {
    pub fn on_this_worker() -> Self {
        Self { turns: TURNS.with(Arc::clone), ticket: None, has_yielded: false }
    }

    /// Polls work when it is its holder's turn.
    pub fn poll<T>(
        &mut self,
        holder: Holder,
        context: &mut Context<'_>,
        work: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let began = Instant::now();
        {
            let mut turns = held(&self.turns);
            let used = turns.used(holder, began);
            match self.ticket {
                Some(ticket) if turns.next == Some(ticket) => {
                    if !std::mem::replace(&mut self.has_yielded, true) {
                        // The worker looks for requests that have arrived only when it yields, or now and then.
                        let _ = pin!(yield_now()).poll(context);
                        return Poll::Pending;
                    }
                    turns.next = None;
                    (self.ticket, self.has_yielded) = (None, false);
                }
                // Woken by something else, or moved to another task.
                Some(ticket) => {
                    turns.line.insert(ticket, context.waker().clone());
                    return Poll::Pending;
                }
                None if used > turns.share + AHEAD => {
                    self.ticket = Some(turns.stand_in_line(used, context.waker().clone()));
                    return Poll::Pending;
                }
                None => {}
            }
        }
        let done = work(context);
        let mut turns = held(&self.turns);
        turns.charge(holder, began.elapsed());
        turns.call_next();
        done
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            held(&self.turns).leave(ticket);
        }
    }
}

/// Work that takes turns with the work of other holders.
pub struct InTurn<F> {
    holder: Holder,
    turn: Turn,
    work: Pin<Box<F>>,
}

impl<F: Future> InTurn<F> {
    pub fn new(holder: Holder, work: F) -> Self {
        Self { holder, turn: Turn::on_this_worker(), work: Box::pin(work) }
    }
}

impl<F: Future> Future for InTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { holder, turn, work } = &mut *self;
        turn.poll(*holder, context, |context| work.as_mut().poll(context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::services::api_key::ApiKeyId;
    use std::cell::Cell;
    use std::rc::Rc;
    use tokio::task::{LocalSet, spawn_local};

    const HOG: Holder = Holder::Service(ApiKeyId([1; 6]));
    const HONEST: Holder = Holder::Service(ApiKeyId([2; 6]));

    /// Keeps the processor busy in pieces of a millisecond; counts them.
    async fn busy(pieces: usize, done: Rc<Cell<usize>>) {
        for _ in 0..pieces {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(1) {}
            done.set(done.get() + 1);
            yield_now().await;
        }
    }

    fn tickets() -> u64 {
        TURNS.with(|turns| held(turns).tickets)
    }

    #[tokio::test]
    async fn somebody_else_waits_for_a_piece_of_a_hogs_work_and_not_for_all_of_it() {
        let done = Rc::new(Cell::new(0));
        LocalSet::new()
            .run_until(async {
                for _ in 0..50 {
                    spawn_local(InTurn::new(HOG, busy(20, done.clone())));
                }
                let rounds = InTurn::new(HONEST, async {
                    for _ in 0..10 {
                        yield_now().await;
                    }
                });
                spawn_local(rounds).await.expect("it ends");
            })
            .await;
        // Each round would wait for a piece of all fifty.
        assert!(done.get() < 100, "{} pieces in ten rounds", done.get());
        assert!(tickets() > 0, "the hog stood in line");
    }

    #[tokio::test]
    async fn whoever_is_alone_never_waits_in_line() {
        let done = Rc::new(Cell::new(0));
        LocalSet::new()
            .run_until(async {
                let all: Vec<_> =
                    (0..10).map(|_| spawn_local(InTurn::new(HOG, busy(5, done.clone())))).collect();
                for task in all {
                    task.await.expect("it ends");
                }
            })
            .await;
        assert_eq!((done.get(), tickets()), (50, 0));
    }

    #[tokio::test]
    async fn whoever_leaves_the_line_passes_the_turn_on() {
        let done = Rc::new(Cell::new(0));
        LocalSet::new()
            .run_until(async {
                let honest = spawn_local(InTurn::new(HONEST, busy(20, done.clone())));
                let all: Vec<_> =
                    (0..20).map(|_| spawn_local(InTurn::new(HOG, busy(20, done.clone())))).collect();
                while tickets() == 0 {
                    yield_now().await;
                }
                for task in all.iter().step_by(2) {
                    task.abort();
                }
                honest.await.expect("it ends");
                for (number, task) in all.into_iter().enumerate() {
                    let ended = tokio::time::timeout(Duration::from_secs(10), task).await.expect("in time");
                    assert!(ended.is_ok() || number % 2 == 0, "number {number} got its turns");
                }
            })
            .await;
        assert!(tickets() > 0);
    }
}
