//! The thread that computes: who is answered when, and what a step is made of.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lazai_core::Digest;

use super::adapter::ServedAdapter;
use super::adapters::Adapters;
use super::counts::Counts;
use super::disk::Disk;
use super::engine::EngineSettings;
use super::forward::{Row, Seen, step};
use super::guess;
use super::model::Model;
use super::pages::{PAGE, Page, Shape};
use super::prepare::News;
use super::queue::Queue;
use super::sequence::{Held, Ready, Sequence};
use super::store::{Key, Store, keys};
use super::team::{Shared, Team};
use super::workspace::Workspace;
use crate::base::BaseModel;
use crate::error::GenerateError;

/// How often those who wait are told that they do: who has left is found by it.
const TOLD: Duration = Duration::from_millis(500);
/// Conversations that are read from the disk at a time.
const READS: usize = 4;
/// Most replies at once for which it pays to guess how they go on.
const FEW: usize = 4;

/// How long the cores are left, while few replies are made, to those who pass on a reply's first words: somebody waits for them, and
/// threads that compute for milliseconds at a time would keep them for as long.
const BREATH: Duration = Duration::from_micros(600);

/// What it shares with other threads.
pub(super) struct Around {
    pub(super) adapters: Arc<Adapters>,
    /// Adapters that are to be read.
    pub(super) wanted: mpsc::Sender<Digest>,
    pub(super) counts: Counts,
    pub(super) disk: Option<Disk>,
}

pub(super) struct Work {
    base: Arc<BaseModel>,
    model: Model,
    team: Team,
    settings: EngineSettings,
    adapters: Arc<Adapters>,
    /// Adapters that are to be read.
    wanted: mpsc::Sender<Digest>,
    /// Those that are being read, and those that were and are not taken yet.
    read: HashMap<Digest, Option<Arc<ServedAdapter>>>,
    shape: Shape,
    workspace: Workspace,
    scores: Shared<f32>,
    queue: Queue,
    running: Vec<Sequence>,
    store: Store,
    disk: Option<Disk>,
    /// Those who asked for pages on the disk, counted.
    tickets: u64,
    told: Instant,
    counts: Counts,
    /// True if nobody can ask any more.
    over: bool,
}

impl Work {
    pub(super) fn new(
        base: Arc<BaseModel>,
        model: Model,
        team: Team,
        mut settings: EngineSettings,
        Around { adapters, wanted, counts, disk }: Around,
    ) -> Self {
        settings.replies = settings.replies.max(1);
        settings.step_tokens = settings.step_tokens.max(settings.replies);
        settings.guessed_tokens = settings.guessed_tokens.min(settings.step_tokens);
        let workspace = Workspace::new(&model, &team, settings.step_tokens, 0);
        let scores = Shared::new((settings.replies + settings.guessed_tokens) * model.config.vocab_size);
        let (read, queue, running, store) = (HashMap::new(), Queue::default(), Vec::new(), Store::default());
        let (shape, told, over) = (Shape::new(&model.config), Instant::now(), false);
        Self {
            shape,
            base,
            model,
            team,
            settings,
            adapters,
            wanted,
            read,
            workspace,
            scores,
            queue,
            running,
            store,
            disk,
            tickets: 0,
            told,
            counts,
            over,
        }
    }

    /// Works until nobody can ask any more, and all is answered.
    pub(super) fn run(mut self, news: &mpsc::Receiver<News>) {
        loop {
            if self.running.is_empty() {
                if self.over && self.queue.is_empty() {
                    return;
                }
                // Nothing can be computed before something is heard: a job, or an adapter that jobs wait for.
                match news.recv_timeout(if self.queue.is_empty() { Duration::MAX } else { TOLD }) {
                    Ok(heard) => self.hear(heard),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
            }
            while let Ok(heard) = news.try_recv() {
                self.hear(heard);
            }
            self.tell_waiting();
            self.admit();
            // A panic is an error of this crate: it costs the replies of one step, and nobody after.
            if catch_unwind(AssertUnwindSafe(|| self.step())).is_err() {
                tracing::error!("a step of the engine panicked");
                self.running.drain(..).for_each(|sequence| sequence.tell(Err(super::panicked())));
            }
        }
    }

    fn hear(&mut self, heard: News) {
        match heard {
            News::Ready(job) => self.queue.push(*job),
            News::Over => self.over = true,
            News::Pages(ticket, pages) => {
                self.counts.lock().disk_tokens += (pages.len() * PAGE) as u64;
                self.queue.give(ticket, pages);
            }
            News::Adapter(digest, Ok(adapter)) => {
                self.read.insert(digest, Some(adapter));
            }
            News::Adapter(digest, Err(error)) => {
                self.read.remove(&digest);
                let mut error = Some(error);
                for job in self.queue.of_adapter(digest) {
                    let again = || GenerateError::UnknownAdapter { digest };
                    job.tell(Err(error.take().unwrap_or_else(again)));
                }
            }
        }
    }

    /// Lets everyone who waits know that the reply is still to come, and forgets those who left or waited too long.
    fn tell_waiting(&mut self) {
        self.queue.forget_left();
        if self.told.elapsed() >= TOLD {
            self.told = Instant::now();
            self.queue.refuse_late(self.told, self.settings.longest_wait);
            self.queue.iter().for_each(Ready::tell_waiting);
            self.running.iter().filter(|sequence| sequence.is_reading()).for_each(Sequence::tell_waiting);
        }
    }

    /// Begins with those whose patience ends first, as far as there is room. Who waits for an adapter is passed over.
    fn admit(&mut self) {
        let mut i = 0;
        while self.running.len() < self.settings.replies && i < self.queue.len() {
            let Some(adapter) = self.adapter_of(i) else {
                i += 1;
                continue;
            };
            let Ready { owner, writing, .. } = &self.queue[i];
            let names = keys(*owner, writing.prompt());
            let mut known = self.store.find(&names);
            let Ready { held, .. } = &self.queue[i];
            if !self.room(self.queue[i].pages().saturating_sub(held.pages.len())) {
                // Nobody who only waits may hold all the room.
                if self.running.is_empty() && self.queue.let_go(i) {
                    continue;
                }
                break;
            }
            if self.is_on_disk(i, &names, &known) {
                i += 1;
                continue;
            }
            let Some(mut job) = self.queue.take(i) else { break };
            let held = std::mem::take(&mut job.held.pages);
            if held.len() > known.len() {
                known = held;
            }
            if let Some(adapter) = &adapter
                && adapter.narrow > self.workspace.narrow
            {
                self.workspace = Workspace::new(&self.model, &self.team, self.workspace.rows, adapter.narrow);
            }
            job.adapter = adapter;
            let sequence = Sequence::new(job, known, self.shape);
            self.counts.lock().known_tokens += sequence.computed as u64;
            self.running.push(sequence);
        }
        // What was read and nobody waits for any more is kept by the adapters' own bound alone.
        let waited: Vec<_> = self.queue.iter().filter_map(|job| job.owner.adapter).collect();
        self.read.retain(|digest, read| read.is_none() || waited.contains(digest));
    }

    /// Tells whether more of a conversation is still to come from the disk; asks for it the first time.
    fn is_on_disk(&mut self, place: usize, names: &[Key], known: &[Arc<Page>]) -> bool {
        let asked = self.queue.iter().filter(|job| job.held.ticket.is_some()).count();
        let (Some(disk), Some(job)) = (&mut self.disk, self.queue.at(place)) else { return false };
        if !job.held.was_asked && asked < READS {
            let places = disk.find(&names[known.len()..]);
            if !places.is_empty() && disk.read(self.tickets, places) {
                job.held = Held { ticket: Some(self.tickets), was_asked: true, pages: known.to_vec() };
                self.tickets += 1;
            }
        }
        job.held.ticket.is_some()
    }

    /// The adapter of a job in the queue, `Some(None)` if it has none; `None` while it is being read.
    fn adapter_of(&mut self, place: usize) -> Option<Option<Arc<ServedAdapter>>> {
        let Some(digest) = self.queue[place].owner.adapter else { return Some(None) };
        match self.read.get(&digest) {
            Some(Some(adapter)) => {
                self.adapters.used(digest);
                return Some(Some(adapter.clone()));
            }
            Some(None) => return None,
            None => {}
        }
        if let Some(adapter) = self.adapters.in_memory(digest) {
            return Some(Some(adapter));
        }
        // A few ahead: each that was read is held until its job begins.
        if self.read.len() < self.settings.replies && self.wanted.send(digest).is_ok() {
            self.read.insert(digest, None);
        }
        None
    }

    /// Tells whether there is room for so many pages; earlier conversations make it, if that is enough.
    fn room(&mut self, needed: usize) -> bool {
        let most = self.shape.pages_in(self.settings.conversation_bytes);
        let running: usize = self.running.iter().map(|sequence| sequence.pages.len()).sum();
        let Some(left) = most.checked_sub(running + self.queue.held() + needed) else { return false };
        for (key, page) in self.store.shrink(left) {
            if let Some(disk) = &mut self.disk {
                disk.keep(key, page);
            }
        }
        true
    }

    /// Computes the next token of each reply, and as much of the conversations before replies as there is room for.
    fn step(&mut self) {
        let left: Vec<Sequence> = self.running.extract_if(.., |sequence| sequence.is_left()).collect();
        left.iter().for_each(|sequence| self.keep(sequence));
        let (rows, counts) = self.rows();
        if rows.is_empty() {
            return;
        }
        let seen = self.running.iter().map(|one| Seen { adapter: one.adapter(), pages: one.pages.clone() });
        let seen: Vec<Seen> = seen.collect();
        self.counts.lock().steps += 1;
        step(&self.team, &self.model, &self.workspace, &rows, &seen, &self.scores);
        let (tokenizer, width, hidden) =
            (self.base.tokenizer(), self.model.config.vocab_size, self.model.config.hidden);
        let scored: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].scored).collect();
        let (mut place, mut read, mut ended) = (0, Vec::new(), Vec::new());
        for (i, (sequence, count)) in self.running.iter_mut().zip(counts).enumerate() {
            let was_reading = sequence.is_reading();
            if was_reading {
                self.counts.lock().read_tokens += count as u64;
            }
            sequence.computed += count;
            if count == 0 || !sequence.pending().is_empty() {
                continue;
            }
            if was_reading {
                read.push(i);
            }
            // SAFETY: the step is over.
            #[allow(unsafe_code, reason = "shared with the team")]
            let scores = |after: usize| unsafe { self.scores.part((place + after) * width, width) };
            // SAFETY: as above.
            #[allow(unsafe_code, reason = "shared with the team")]
            let states = |after: usize| unsafe { self.workspace.state(scored[place + after], hidden) };
            let guessed = sequence.guess.len();
            let before = sequence.computed;
            let chosen = sequence.choose(tokenizer, scores, states);
            let right = sequence.computed - before;
            place += 1 + guessed;
            let mut told = self.counts.lock();
            told.reply_tokens += 1 + right as u64;
            told.guessed_tokens += guessed as u64;
            told.right_guesses += right as u64;
            drop(told);
            match chosen {
                Ok(false) => {}
                Ok(true) => {
                    sequence.end(tokenizer);
                    ended.push(i);
                }
                Err(error) => {
                    sequence.tell(Err(error));
                    ended.push(i);
                }
            }
        }
        if !read.is_empty() && self.running.len() <= FEW {
            std::thread::sleep(BREATH);
        }
        // Once its card is read, others who come begin behind it.
        read.into_iter().for_each(|i| self.store.keep(self.running[i].full()));
        for i in ended.into_iter().rev() {
            let sequence = self.running.remove(i);
            self.keep(&sequence);
        }
    }

    /// The tokens of the next step, and how many are of each sequence.
    fn rows(&mut self) -> (Vec<Row>, Vec<usize>) {
        let mut counts: Vec<usize> = self.running.iter().map(|one| usize::from(!one.is_reading())).collect();
        // Replies first, a token each; what is left is shared by those that are read, so that a short one is soon done.
        let mut room = self.settings.step_tokens - counts.iter().sum::<usize>();
        let mut readers: Vec<usize> = (0..counts.len()).filter(|i| self.running[*i].is_reading()).collect();
        readers.sort_by_key(|i| self.running[*i].pending().len());
        for (before, i) in readers.iter().enumerate() {
            let share = room.div_ceil(readers.len() - before);
            counts[*i] = self.running[*i].pending().len().min(share).min(room);
            room -= counts[*i];
        }
        self.guess(room.min(self.settings.guessed_tokens));
        let mut rows = Vec::new();
        for (i, (sequence, count)) in self.running.iter().zip(&counts).enumerate() {
            let pending = sequence.pending();
            for (j, token) in pending[..*count].iter().enumerate() {
                let scored = j + 1 == pending.len();
                rows.push(Row { token: *token, position: sequence.computed + j, sequence: i, scored });
            }
            for (j, token) in sequence.guess.iter().enumerate() {
                let position = sequence.computed + count + j;
                rows.push(Row { token: *token, position, sequence: i, scored: true });
            }
        }
        (rows, counts)
    }

    /// Guesses how replies go on, while few are made: a row more costs little then.
    fn guess(&mut self, mut room: usize) {
        if self.running.len() > FEW {
            room = 0;
        }
        for sequence in self.running.iter_mut().filter(|sequence| !sequence.is_reading()) {
            sequence.guess(room.min(guess::MOST));
            room -= sequence.guess.len();
        }
    }

    fn keep(&mut self, sequence: &Sequence) {
        self.store.keep(sequence.full());
        // Nobody is begun: what is kept may be more by this conversation's pages.
        self.room(0);
    }
}
