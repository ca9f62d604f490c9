//! What the service owns: a SQLite database and a folder of invoices, both made at start.

use std::io;
use std::path::PathBuf;

use lambda_runtime::Error;
use rusqlite::Connection;

/// The shop's state.
#[derive(Debug)]
pub struct Shop {
    pub database: Connection,
    /// Folder of the invoices customers may read.
    pub invoices: PathBuf,
}

const SCHEMA: &str = "
    CREATE TABLE orders (
        id TEXT PRIMARY KEY, customer TEXT, item TEXT, total INTEGER, note TEXT DEFAULT '');
    CREATE INDEX by_customer ON orders (customer);
    CREATE TABLE staff (name TEXT, token TEXT);
    INSERT INTO orders (id, customer, item, total) VALUES
        ('a-1', 'alice', 'kettle', 3900), ('a-2', 'alice', 'teapot', 2500),
        ('b-1', 'bob', 'grinder', 8900), ('b-2', 'bob', 'filter papers', 400),
        ('c-1', 'carol', 'espresso cups', 1900), ('d-1', 'dave', 'moka pot', 3200),
        ('e-1', 'erin', 'scale', 4500), ('f-1', 'frank', 'tamper', 2700),
        ('g-1', 'grace', 'milk jug', 1800), ('h-1', 'heidi', 'roaster', 64900),
        ('m-1', 'mallory', 'espresso machine', 129900), ('o-1', 'o''brien', 'mug', 900);
    INSERT INTO staff VALUES ('root', 'tok-5f2a-live'), ('till', 'tok-91bc-live');
";

impl Shop {
    /// Makes the database and the invoices anew under the temporary folder.
    pub fn open() -> Result<Self, Error> {
        let home = new_folder()?;
        let invoices = home.join("invoices");
        std::fs::create_dir_all(&invoices)?;
        std::fs::write(invoices.join("a-1.txt"), "invoice a-1: one kettle, 39.00\n")?;
        std::fs::write(home.join("inbox.csv"), "id,customer\n")?;
        let database = Connection::open(home.join("orders.db"))?;
        // The folder lives as long as the sandbox: nothing here has to survive a power cut.
        database.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")?;
        database.execute_batch(SCHEMA)?;
        Ok(Self { database, invoices })
    }
}

/// A folder that nobody has. Sandboxes that share the temporary folder count their processes alike, so
/// an id does not make a name of one's own.
fn new_folder() -> io::Result<PathBuf> {
    let mut n = 0;
    loop {
        let name = format!("order-service-{}-{n}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(error) => return Err(error),
        }
    }
}
