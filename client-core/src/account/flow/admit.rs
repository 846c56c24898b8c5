//! The belongings are open: this browser's own device goes on, or a new one is enrolled.

use shared::{Bytes, DeviceId, Millis, http as body};

use super::{Move, Step, Touched, cannot_unwrap};
use crate::{
    Client, Failure, Slot,
    account::{
        birth::{self, NewDevice},
        ksf::Stretch,
        vault::Opened,
    },
    derive,
    failure::code,
    http::Draft,
    output::{Method, Output},
};

impl<K: Stretch> Client<K> {
    /// The account's belongings are open and the session is not bound to a device: open the store here, or enrol.
    pub(super) fn admit(&mut self, now: Millis, opened: Opened) -> Move {
        let account = opened.newest.content().account;
        if self.entered {
            if self.session.as_ref().is_some_and(|session| session.me.account != account) {
                return Err(Failure::new(code::NOT_NOW));
            }
            let superseded = self.session.as_ref().filter(|session| session.me.superseded).map(|session| session.me.device);
            let device = self.session.as_ref().map(|session| (session.me.device, session.me.store_secret.clone()));
            let stated = device.as_ref().is_some_and(|(device, _)| opened.newest.device(*device).is_some());
            if superseded.is_none() && stated {
                return self.resume();
            }
            // A store of an earlier version does not know its secret; the vault does.
            let device = device.and_then(|(device, secret)| {
                let secret = Some(secret).filter(|secret| !secret.0.is_empty());
                secret.or_else(|| opened.vault.store(device).cloned()).map(|secret| (device, secret))
            });
            return self.enrol_again(now, opened, device);
        }
        let here = self.slot.as_ref().filter(|slot| slot.account == account && opened.newest.device(slot.device).is_some());
        let stay = self.stay();
        if let Some((slot, secret)) = here.and_then(|slot| opened.vault.store(slot.device).map(|secret| (slot.clone(), secret)))
        {
            let key = derive::store_key(secret.as_slice(), account);
            self.out.push_back(Output::OpenStore { slot: Slot { stay, ..slot }, key, stay, fresh: None });
            self.touch(Touched::Opened);
            self.rest(Step::UnlockStoring);
            return Ok(());
        }
        let (body, device) = birth::device::<K>(&opened, None, stay, now, &mut self.entropy).map_err(cannot_unwrap)?;
        self.make_store(&device, stay);
        self.rest(Step::EnrolStoring { opened: Box::new(opened), body: Box::new(body) });
        Ok(())
    }

    /// A superseded or dropped device goes on as a new one, in the store it has.
    pub(super) fn enrol_again(&mut self, now: Millis, opened: Opened, old: Option<(DeviceId, Bytes)>) -> Move {
        let stay = self.stay();
        let (body, device) = birth::device::<K>(&opened, old, stay, now, &mut self.entropy).map_err(cannot_unwrap)?;
        self.ask(Draft::cbor(Method::Post, "/api/devices", &body));
        self.rest(Step::Enrolling { opened: Box::new(opened), device: Some(Box::new(device)) });
        Ok(())
    }

    pub(super) fn make_store(&mut self, device: &NewDevice, stay: bool) {
        let slot = Slot { account: device.me.account, handle: device.me.handle.clone(), device: device.me.device, stay };
        self.out.push_back(Output::OpenStore {
            slot,
            key: device.store_key.clone(),
            stay,
            fresh: Some(Box::new(device.batch())),
        });
        self.touch(Touched::Made);
    }

    /// The account moved while this browser enrolled: read it again and make the next statement on top.
    pub(super) fn flow_refresh(&mut self, failure: Failure) -> Move {
        let Step::Enrolling { opened, .. } = self.take_step() else { return Err(failure) };
        let Some(flow) = self.flow.as_mut().filter(|flow| flow.retries < 3) else { return Err(failure) };
        flow.retries += 1;
        if !self.entered {
            self.session = None;
        }
        self.ask(Draft::get("/api/vault".to_owned()));
        self.rest(Step::EnrolRefreshing { opened });
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Move {
        let device = self.session.as_ref().map(|session| session.me.device).ok_or_else(|| Failure::new(code::STORE))?;
        self.ask(Draft::json(Method::Post, "/auth/resume/start", &body::ResumeStart { device_id: device }));
        self.rest(Step::ResumeStarting);
        Ok(())
    }

    pub(super) fn resume_started(&mut self, started: body::ResumeStarted) -> Move {
        let signature =
            self.session.as_ref().map(|session| session.sign_resume(&started)).ok_or_else(|| Failure::new(code::STORE))?;
        let finish = body::ResumeFinish { resume_id: started.resume_id, signature };
        self.ask(Draft::json(Method::Post, "/auth/resume/finish", &finish));
        self.rest(Step::ResumeFinishing);
        Ok(())
    }
}
