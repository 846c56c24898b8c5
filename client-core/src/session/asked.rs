//! Requests of the session: who waits for an answer, and what follows from it.

use shared::{AccountId, Code, ConversationId, DeviceId};

use super::{Ctx, Session};
use crate::{
    Failure, Output,
    failure::code,
    http::{Draft, Outcome, Refusal},
};

/// Who waits for an HTTP answer.
#[derive(Clone)]
pub(crate) enum Waits {
    Ticket,
    ResumeStart,
    ResumeFinish,
    Logout,
    Person { command: u64, handle: String },
    Statements { account: AccountId },
    ClaimForStart { conversation: ConversationId, account: AccountId },
    Commit { conversation: ConversationId },
    Conversations,
    WantedStatements { conversation: ConversationId, device: DeviceId },
    WantedClaim { conversation: ConversationId, device: DeviceId },
    Packages,
    Settings,
    SettingsPut { account: AccountId },
    Inbox,
    InboxRefused,
    Rows { conversation: ConversationId },
    GroupInfo { conversation: ConversationId },
    Rejoin { conversation: ConversationId },
    Again { conversation: ConversationId, epoch: u64 },
    ClaimForNext { conversation: ConversationId, account: AccountId },
}

/// A request that may have to be made again.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) waits: Waits,
    pub(crate) draft: Draft,
}

impl Session {
    /// Makes a request on behalf of the session.
    pub(crate) fn ask(&mut self, ctx: &mut Ctx<'_>, waits: Waits, draft: Draft) {
        let id = ctx.id();
        self.effects.push(Output::Http(draft.clone().with_id(id)));
        self.requests.insert(id, Request { waits, draft });
    }

    /// Is a request under way, or set aside until the link is back, that waits for this?
    pub(crate) fn is_asking(&self, of_this: impl Fn(&Waits) -> bool) -> bool {
        self.requests.values().chain(&self.stalled).any(|request| of_this(&request.waits))
    }

    /// Forgets requests: their answers change nothing any more.
    pub(crate) fn stop_asking(&mut self, of_this: impl Fn(&Waits) -> bool) {
        self.requests.retain(|_, request| !of_this(&request.waits));
        self.stalled.retain(|request| !of_this(&request.waits));
    }

    /// An HTTP answer for the session.
    pub(crate) fn http(&mut self, ctx: &mut Ctx<'_>, id: u64, outcome: Outcome) {
        let Some(request) = self.requests.remove(&id) else { return };
        match outcome {
            Outcome::Fine(answer) => self.fine(ctx, request, &answer),
            Outcome::Lost => self.lost(ctx, request),
            Outcome::Refused(refusal) => self.refused(ctx, request, refusal),
        }
    }

    fn fine(&mut self, ctx: &mut Ctx<'_>, request: Request, answer: &[u8]) {
        match request.waits {
            Waits::Ticket => self.ticket(ctx, answer),
            Waits::ResumeStart => self.resume_started(ctx, answer),
            Waits::ResumeFinish => self.resumed(ctx),
            Waits::Logout | Waits::InboxRefused | Waits::Packages => {}
            Waits::Person { command, handle } => self.person_found(ctx, command, &handle, answer),
            Waits::Statements { account } => self.statements(ctx, account, answer),
            Waits::ClaimForStart { conversation, account } => self.claimed_for_start(ctx, conversation, account, answer),
            Waits::Commit { conversation } => self.commit_accepted(ctx, conversation, answer),
            Waits::Conversations => self.conversations_listed(ctx, answer),
            Waits::WantedStatements { conversation, device } => self.wanted_stated(ctx, conversation, device, answer),
            Waits::WantedClaim { conversation, device } => self.wanted_claimed(ctx, conversation, device, answer),
            Waits::Settings => self.settings(ctx, answer),
            Waits::SettingsPut { account } => self.setting_stored(account),
            Waits::Inbox => self.inbox_read(ctx, answer),
            Waits::Rows { conversation } => self.rows(ctx, conversation, answer),
            Waits::GroupInfo { conversation } => self.group_info(ctx, conversation, answer),
            Waits::Rejoin { conversation } => self.rejoined(ctx, conversation, answer),
            Waits::Again { conversation, epoch } => self.offered_again(ctx, conversation, epoch, answer),
            Waits::ClaimForNext { conversation, account } => self.claimed_for_next(ctx, conversation, account, answer),
        }
    }

    /// Nobody knows whether it arrived: what must be done is done again when the line is back.
    fn lost(&mut self, ctx: &mut Ctx<'_>, request: Request) {
        match &request.waits {
            Waits::Ticket | Waits::ResumeStart | Waits::ResumeFinish => self.broken(ctx),
            Waits::Person { command, .. } => self.answer(*command, Err(Failure::new(code::OFFLINE))),
            // With nobody to tell, it is done as soon as it can be.
            Waits::ClaimForStart { conversation, .. }
                if self.starting.get(conversation).is_some_and(|starting| !starting.commands.is_empty()) =>
            {
                self.start_failed(*conversation, Failure::new(code::OFFLINE));
            }
            _ => {
                self.stalled.push(request);
                self.retry_stalled_later(ctx);
            }
        }
    }

    fn refused(&mut self, ctx: &mut Ctx<'_>, request: Request, refusal: Refusal) {
        let again = matches!(refusal.status, 429 | 500 | 503);
        match (&request.waits, refusal.code()) {
            (Waits::Ticket, Some(Code::LoginRequired | Code::NotEnrolled)) => self.begin_resume(ctx),
            (Waits::ResumeStart | Waits::ResumeFinish, Some(_)) if !again => self.session_over(ctx),
            (Waits::Ticket | Waits::ResumeStart | Waits::ResumeFinish, _) => self.broken(ctx),
            (Waits::InboxRefused, _) => {}
            (Waits::Logout, code) if code != Some(Code::LoginRequired) => {}
            (Waits::Person { command, .. }, Some(Code::NotFound)) => {
                let failure = Failure::new(code::NOBODY).field("username");
                self.answer(*command, Err(failure));
            }
            (Waits::Person { command, .. }, _) => self.answer(*command, Err(refusal.into())),
            (_, Some(Code::LoginRequired)) => {
                self.stalled.push(request);
                self.begin_resume(ctx);
            }
            (Waits::Commit { conversation }, _) if !again => self.commit_refused(ctx, *conversation, &refusal),
            (Waits::Again { conversation, .. }, _) if !again => self.again_refused(ctx, *conversation, &refusal),
            (Waits::ClaimForStart { conversation, .. }, _) if !again => self.start_failed(*conversation, refusal.into()),
            (Waits::WantedClaim { conversation, device } | Waits::WantedStatements { conversation, device }, _) => {
                self.wanted_later(ctx, *conversation, *device);
            }
            (Waits::GroupInfo { conversation }, _) => self.rejoin_later(ctx, *conversation),
            (Waits::ClaimForNext { conversation, .. }, Some(Code::NoPackages)) => {
                self.next_candidates(ctx, *conversation, vec![]);
            }
            (Waits::ClaimForNext { conversation, .. }, _) if !again => self.rejoin_failed(ctx, *conversation),
            (Waits::Rejoin { conversation }, _) if !again => self.rejoin_refused(ctx, *conversation, &refusal),
            (Waits::SettingsPut { .. }, Some(Code::StaleSettings)) => self.read_settings(ctx),
            _ if again => {
                self.stalled.push(request);
                self.retry_stalled_later(ctx);
            }
            _ => {}
        }
    }
}
