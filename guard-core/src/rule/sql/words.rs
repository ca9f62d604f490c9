//! The reserved words and functions of SQL dialects, as far as injection makes use of them.
//!
//! Knows names and the part each plays in an expression; nothing of what may follow them. The names
//! are those of the reference manuals of MySQL 8, PostgreSQL 16, SQL Server 2022, Oracle 19c, SQLite
//! 3, Db2, Firebird and HSQLDB.

use crate::rule::names::Names;

/// The part a word plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// `and`, `or`, `xor`.
    Connective,
    /// `not`.
    Not,
    /// Compares with a pattern: `like`, `regexp`, `glob`.
    Like,
    In,
    Between,
    Is,
    /// A value without parentheses: `null`, `true`, `rownum`, `current_user`.
    Value,
    /// Stands before an operand without changing what it is: `binary`, `all`, `distinct`, `interval`.
    Prefix,
    /// An operator in letters: `div`, `mod`, `collate`.
    Arithmetic,
    Select,
    Union,
    From,
    Where,
    Order,
    Group,
    Having,
    Limit,
    Into,
    Procedure,
    As,
    Exists,
    Case,
    /// `then`, `else`, `when`, `end`, `on`, `set`, `by`: ends an operand.
    Clause,
    /// A statement's verb other than `select`.
    Verb,
    /// A function that waits, fails on purpose, reads files or talks to other hosts.
    Hostile,
    /// Any other function that SQL has.
    Function,
    /// None of these.
    Plain,
}

type Entry = (&'static [u8], Word);

/// The number of words in the tables.
const COUNT: usize = {
    let (mut count, mut first) = (0, b'a');
    while first <= b'z' {
        count += bucket(first).len();
        first += 1;
    }
    count
};

static WORDS: [Entry; COUNT] = LIST;

const LIST: [Entry; COUNT] = {
    let mut list: [Entry; COUNT] = [(&[], Word::Plain); COUNT];
    let (mut count, mut first) = (0, b'a');
    while first <= b'z' {
        let entries = bucket(first);
        let mut i = 0;
        while i < entries.len() {
            list[count] = entries[i];
            count += 1;
            i += 1;
        }
        first += 1;
    }
    list
};

static NAMES: Names<COUNT> = {
    let mut names = [[].as_slice(); COUNT];
    let mut i = 0;
    while i < COUNT {
        names[i] = LIST[i].0;
        i += 1;
    }
    Names::new(names)
};

/// What part `word` plays, in any case.
pub(super) fn classify(word: &[u8]) -> Word {
    if is_hostile_package(word) {
        return Word::Hostile;
    }
    NAMES
        .find_folded(word)
        .and_then(|place| WORDS.get(place))
        .map_or(Word::Plain, |(_, part)| *part)
}

/// Whether a name is of a package that reaches out of the database.
fn is_hostile_package(word: &[u8]) -> bool {
    let [first, _, third, rest @ ..] = word else {
        return false;
    };
    let begins = |prefix: &[u8]| {
        word.get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    match first | 0x20 {
        b'x' | b's' => *third == b'_' && (begins(b"xp_") || begins(b"sp_")),
        b'd' | b'u' => rest.contains(&b'_') && (begins(b"dbms_") || begins(b"utl_")),
        _ => false,
    }
}

const fn bucket(first: u8) -> &'static [Entry] {
    use Word::{
        Arithmetic, As, Between, Case, Clause, Connective, Exists, From, Function, Group, Having,
        Hostile, In, Into, Is, Like, Limit, Not, Order, Prefix, Procedure, Select, Union, Value,
        Verb, Where,
    };
    match first {
        b'a' => &[
            (b"and", Connective),
            (b"as", As),
            (b"all", Prefix),
            (b"any", Prefix),
            (b"alter", Verb),
            (b"attach", Verb),
            (b"ascii", Function),
            (b"abs", Function),
            (b"aes_decrypt", Function),
            (b"aes_encrypt", Function),
            (b"avg", Function),
            (b"acos", Function),
            (b"asin", Function),
            (b"atan", Function),
            (b"array_agg", Function),
        ],
        b'b' => &[
            (b"between", Between),
            (b"binary", Prefix),
            (b"benchmark", Hostile),
            (b"begin", Verb),
            (b"bin", Function),
            (b"bit_length", Function),
            (b"by", Clause),
            (b"backup", Verb),
        ],
        b'c' => &[
            (b"case", Case),
            (b"concat", Function),
            (b"concat_ws", Function),
            (b"char", Function),
            (b"chr", Function),
            (b"cast", Function),
            (b"convert", Function),
            (b"count", Function),
            (b"coalesce", Function),
            (b"char_length", Function),
            (b"character_length", Function),
            (b"current_user", Value),
            (b"current_date", Value),
            (b"current_timestamp", Value),
            (b"connection_id", Function),
            (b"current_setting", Function),
            (b"current_database", Function),
            (b"compress", Function),
            (b"conv", Function),
            (b"cos", Function),
            (b"cot", Function),
            (b"ceil", Function),
            (b"ceiling", Function),
            (b"crc32", Function),
            (b"curdate", Function),
            (b"curtime", Function),
            (b"crypt_key", Function),
            (b"charindex", Function),
            (b"choose", Function),
            (b"collate", Arithmetic),
            (b"create", Verb),
            (b"call", Verb),
            (b"copy", Verb),
            (b"ctxsys", Hostile),
        ],
        b'd' => &[
            (b"distinct", Prefix),
            (b"distinctrow", Prefix),
            (b"div", Arithmetic),
            (b"drop", Verb),
            (b"delete", Verb),
            (b"declare", Verb),
            (b"database", Function),
            (b"database_to_xml", Hostile),
            (b"decode", Function),
            (b"dump", Function),
            (b"datalength", Function),
            (b"db_name", Function),
            (b"degrees", Function),
            (b"des_decrypt", Function),
            (b"date_format", Function),
            (b"dblink", Hostile),
            (b"dblink_connect", Hostile),
            (b"dblink_send_query", Hostile),
        ],
        b'e' => &[
            (b"exists", Exists),
            (b"else", Clause),
            (b"end", Clause),
            (b"except", Union),
            (b"escape", Arithmetic),
            (b"exec", Verb),
            (b"execute", Verb),
            (b"elt", Hostile),
            (b"extractvalue", Hostile),
            (b"exp", Function),
            (b"export_set", Function),
            (b"encode", Function),
            (b"encrypt", Function),
        ],
        b'f' => &[
            (b"from", From),
            (b"false", Value),
            (b"floor", Function),
            (b"format", Function),
            (b"field", Function),
            (b"find_in_set", Function),
            (b"found_rows", Function),
            (b"fn_virtualfilestats", Hostile),
            (b"fn_xe_file_target_read_file", Hostile),
        ],
        b'g' => &[
            (b"group", Group),
            (b"glob", Like),
            (b"group_concat", Function),
            (b"greatest", Function),
            (b"generate_series", Hostile),
            (b"gtid_subset", Hostile),
            (b"gtid_subtract", Hostile),
            (b"geometrycollection", Hostile),
            (b"get_lock", Hostile),
            (b"getdate", Function),
            (b"grant", Verb),
            (b"getpgusername", Function),
        ],
        b'h' => &[
            (b"having", Having),
            (b"hex", Function),
            (b"host_name", Function),
            (b"handler", Verb),
            (b"httpuritype", Hostile),
            (b"has_table_privilege", Function),
        ],
        b'i' => &[
            (b"in", In),
            (b"is", Is),
            (b"into", Into),
            (b"ilike", Like),
            (b"interval", Prefix),
            (b"intersect", Union),
            (b"if", Function),
            (b"iif", Function),
            (b"ifnull", Function),
            (b"isnull", Function),
            (b"insert", Verb),
            (b"instr", Function),
            (b"inet_aton", Function),
            (b"is_srvrolemember", Function),
            (b"is_member", Function),
            (b"instr2", Function),
        ],
        b'j' => &[
            (b"json_extract", Function),
            (b"json_keys", Hostile),
            (b"json_depth", Function),
            (b"json_length", Function),
            (b"json_value", Function),
            (b"json_valid", Function),
            (b"json_object", Function),
            (b"json_array", Function),
            (b"json_type", Function),
            (b"json_storage_free", Function),
            (b"json_arrayagg", Function),
        ],
        b'l' => &[
            (b"like", Like),
            (b"limit", Limit),
            (b"length", Function),
            (b"len", Function),
            (b"left", Function),
            (b"lower", Function),
            (b"lcase", Function),
            (b"load_file", Hostile),
            (b"load_extension", Hostile),
            (b"lo_import", Hostile),
            (b"lo_export", Hostile),
            (b"last_insert_id", Function),
            (b"least", Function),
            (b"locate", Function),
            (b"lpad", Function),
            (b"ltrim", Function),
            (b"linestring", Hostile),
            (b"ln", Function),
            (b"log", Function),
            (b"like_regex", Like),
            (b"load", Verb),
        ],
        b'm' => &[
            (b"mod", Arithmetic),
            (b"match", Function),
            (b"md5", Function),
            (b"mid", Function),
            (b"make_set", Hostile),
            (b"max", Function),
            (b"min", Function),
            (b"merge", Verb),
            (b"multipoint", Hostile),
            (b"multipolygon", Hostile),
            (b"multilinestring", Hostile),
            (b"minus", Union),
            (b"master_pos_wait", Hostile),
        ],
        b'n' => &[
            (b"not", Not),
            (b"null", Value),
            (b"now", Function),
            (b"nullif", Function),
            (b"nvl", Function),
            (b"nvl2", Function),
            (b"name_const", Hostile),
            (b"nchar", Function),
        ],
        b'o' => &[
            (b"or", Connective),
            (b"order", Order),
            (b"on", Clause),
            (b"offset", Limit),
            (b"ord", Function),
            (b"oct", Function),
            (b"object_id", Function),
            (b"openrowset", Hostile),
            (b"openquery", Hostile),
            (b"opendatasource", Hostile),
            (b"ordsys", Hostile),
            (b"over", Clause),
        ],
        b'p' => &[
            (b"procedure", Procedure),
            (b"pg_sleep", Hostile),
            (b"pg_sleep_for", Hostile),
            (b"pg_sleep_until", Hostile),
            (b"pg_read_file", Hostile),
            (b"pg_ls_dir", Hostile),
            (b"pg_client_encoding", Function),
            (b"password", Function),
            (b"position", Function),
            (b"pi", Function),
            (b"pow", Function),
            (b"power", Function),
            (b"polygon", Hostile),
            (b"prior", Prefix),
            (b"pragma", Verb),
            (b"patindex", Function),
            (b"parsename", Function),
        ],
        b'q' => &[
            (b"quote", Function),
            (b"quotename", Function),
            (b"query_to_xml", Hostile),
            (b"quarter", Function),
        ],
        b'r' => &[
            (b"rlike", Like),
            (b"regexp", Like),
            (b"rownum", Value),
            (b"rowid", Value),
            (b"row", Function),
            (b"row_count", Function),
            (b"rand", Function),
            (b"random", Function),
            (b"randomblob", Hostile),
            (b"round", Function),
            (b"repeat", Function),
            (b"replace", Function),
            (b"replicate", Function),
            (b"reverse", Function),
            (b"right", Function),
            (b"rpad", Function),
            (b"rtrim", Function),
            (b"rawtohex", Function),
            (b"regexp_substring", Hostile),
            (b"regexp_like", Function),
            (b"release_lock", Hostile),
            (b"revoke", Verb),
            (b"restore", Verb),
            (b"rename", Verb),
        ],
        b's' => &[
            (b"select", Select),
            (b"sleep", Hostile),
            (b"some", Prefix),
            (b"sounds", Like),
            (b"similar", Like),
            (b"set", Verb),
            (b"shutdown", Verb),
            (b"substr", Function),
            (b"substring", Function),
            (b"substring_index", Function),
            (b"sysdate", Value),
            (b"system_user", Value),
            (b"session_user", Value),
            (b"schema", Function),
            (b"strcmp", Function),
            (b"sum", Function),
            (b"sign", Function),
            (b"sin", Function),
            (b"sqrt", Function),
            (b"space", Function),
            (b"strpos", Function),
            (b"stuff", Function),
            (b"suser_name", Function),
            (b"suser_sname", Function),
            (b"soundex", Function),
            (b"sha1", Function),
            (b"sha2", Function),
            (b"sqlite_version", Function),
            (b"string_agg", Function),
            (b"sys_eval", Hostile),
            (b"sys_exec", Hostile),
            (b"sys_context", Function),
            (b"st_latfromgeohash", Hostile),
            (b"st_longfromgeohash", Hostile),
            (b"st_pointfromgeohash", Hostile),
            (b"sysmaster", Hostile),
        ],
        b't' => &[
            (b"true", Value),
            (b"then", Clause),
            (b"top", Prefix),
            (b"trim", Function),
            (b"truncate", Verb),
            (b"to_char", Function),
            (b"to_number", Function),
            (b"translate", Function),
            (b"trunc", Function),
            (b"try_cast", Function),
            (b"try_convert", Function),
            (b"table_to_xml", Hostile),
            (b"typeof", Function),
            (b"to_base64", Function),
        ],
        b'u' => &[
            (b"union", Union),
            (b"using", Clause),
            (b"update", Verb),
            (b"user", Function),
            (b"upper", Function),
            (b"ucase", Function),
            (b"updatexml", Hostile),
            (b"unhex", Function),
            (b"uncompress", Function),
            (b"user_lock", Hostile),
            (b"user_name", Function),
            (b"uuid", Function),
            (b"unicode", Function),
        ],
        b'v' => &[
            (b"version", Function),
            (b"values", Function),
            (b"vacuum", Verb),
        ],
        b'w' => &[
            (b"where", Where),
            (b"when", Clause),
            (b"waitfor", Verb),
            (b"while", Verb),
            (b"with", Clause),
            (b"wait_for_executed_gtid_set", Hostile),
        ],
        b'x' => &[
            (b"xor", Connective),
            (b"xmltype", Hostile),
            (b"xmlelement", Function),
            (b"xpath", Function),
            (b"xml_extract", Function),
        ],
        b'z' => &[(b"zeroblob", Hostile)],
        _ => &[],
    }
}
