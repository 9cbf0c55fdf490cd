//! Questions to an adapter, and what came of them.

use ekmcheck_suite::{
    adapter::{About, Answer, Request, Told},
    vector::Vector,
};

use super::{Launch, Process};

/// An adapter that was started, with the number of the last question.
#[derive(Debug)]
pub struct Asker {
    process: Process,
    id: u64,
}

impl Asker {
    /// Starts an adapter and greets it.
    ///
    /// # Errors
    /// Why it cannot be started, or what is wrong with its answer.
    pub fn start(launch: &Launch) -> Result<(Self, About), String> {
        let mut asker = Self { process: Process::start(launch)?, id: 0 };
        let about = match asker.put(|id| Request::Hello { id })? {
            Answer::Hello { name, version, language, library, features, .. } => {
                About { name, version, language, library, features }
            }
            other => return Err(format!("the answer to hello is {}", name(&other))),
        };
        asker.process.allow(launch.answer);
        Ok((asker, about))
    }

    /// Asks for the verdict on a vector. After [`Told::Nothing`] the adapter is of no more use.
    pub fn verify(&mut self, vector: &Vector) -> Told {
        match self.put(|id| verify(vector, id)) {
            Ok(answer) => told(answer),
            Err(why) => Told::Nothing(why),
        }
    }

    /// Sends a line of choice, in which `ID` stands for the number of the question, and waits for the answer to it.
    ///
    /// # Errors
    /// Why there is no answer that counts. The adapter is then of no more use.
    pub fn raw(&mut self, line: &str) -> Result<Answer, String> {
        self.id += 1;
        self.process.ask(&line.replace("ID", &self.id.to_string()), self.id)
    }

    /// Asks for the verdict on several vectors before it waits for the first answer.
    pub fn verify_all(&mut self, vectors: &[&Vector]) -> Vec<Told> {
        let first = self.id + 1;
        for vector in vectors {
            self.id += 1;
            self.process.send(&line(&verify(vector, self.id)));
        }
        (first..=self.id)
            .map(|id| match self.process.answer(id) {
                Ok(answer) => told(answer),
                Err(why) => Told::Nothing(why),
            })
            .collect()
    }

    /// Sends a line that is no question.
    pub fn send(&self, line: &str) {
        self.process.send(line);
    }

    /// The program, to end it.
    #[must_use]
    pub fn into_process(self) -> Process {
        self.process
    }

    fn put(&mut self, request: impl FnOnce(u64) -> Request) -> Result<Answer, String> {
        self.id += 1;
        self.process.ask(&line(&request(self.id)), self.id)
    }
}

fn verify(vector: &Vector, id: u64) -> Request {
    Request::Verify { id, inputs: Box::new(vector.inputs.clone()), policy: vector.policy }
}

fn line(request: &Request) -> String {
    // Its printing cannot fail: all names are strings and all numbers are integers.
    serde_json::to_string(request).unwrap_or_default()
}

fn told(answer: Answer) -> Told {
    match answer {
        Answer::Accept { .. } => Told::Accepted,
        Answer::Refuse { check, detail, .. } => Told::Refused { check, detail },
        Answer::Unsupported { why, .. } => Told::Unsupported(why),
        Answer::Hello { .. } => Told::Nothing("the answer to verify is hello".to_owned()),
    }
}

/// What kind of answer it is.
fn name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Hello { .. } => "hello",
        Answer::Accept { .. } => "accept",
        Answer::Refuse { .. } => "refuse",
        Answer::Unsupported { .. } => "unsupported",
    }
}
