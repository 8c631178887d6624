//! tests/c/layout.c: where everything lies in each struct, and what every number is, as assertions
//! of C. The program that is made here finds it out; the one that is committed says what it was.

use std::fmt::Write as _;

use super::header::{Growth, Header, Struct};
use super::support::{Under, Workshop};

const HEAD: &str = "\
/*
 * Where everything lies in the structs of fanfare.h, and what its numbers are: what a program that
 * was compiled earlier counts on. Written by `make abi-lists`; do not edit. Which changes are
 * allowed, docs/abi.md says.
 */
#include <stddef.h>
#include <stdint.h>

#include \"fanfare.h\"

#define HOLDS(name, condition) _Static_assert(condition, name \" is not what it was\")
#define SIZE(type, bytes) HOLDS(#type \": its size\", sizeof(type) == (bytes))
#define ALIGNMENT(type, bytes) HOLDS(#type \": its alignment\", _Alignof(type) == (bytes))
#define FIELD(type, field, offset, bytes)                                             \\
    HOLDS(#type \".\" #field \": its place\", offsetof(type, field) == (offset));         \\
    HOLDS(#type \".\" #field \": its size\", sizeof(((type *)0)->field) == (bytes))
#define NUMBER(name, value) HOLDS(#name \": its value\", (name) == (value))
";

/// The text that tests/c/layout.c must have.
pub(crate) fn layout(header: &Header) -> String {
    let mut out = HEAD.to_owned();
    // Pointers and size_t are as wide as the machine; nothing is committed for those of 32 bits.
    out += "\n#if UINTPTR_MAX == UINT64_MAX\n";
    out += &measured(header);
    out += "#endif\n\n";
    for number in &header.numbers {
        writeln!(out, "NUMBER({}, {});", number.name, number.value).expect("it is a String");
    }
    out += "\nint main(void)\n{\n    return 0;\n}\n";
    out
}

/// What a C compiler says about each struct, as lines for the program.
fn measured(header: &Header) -> String {
    let mut program =
        String::from("#include <stdio.h>\n#include \"fanfare.h\"\nint main(void) {\n");
    for Struct { name, growth, fields } in &header.structs {
        let promise = match growth {
            Growth::Never => "never changes",
            Growth::Append => "later versions may append fields",
        };
        writeln!(
            program,
            "printf(\"/* {name}: {promise}. */\\nSIZE({name}, %zu);\\nALIGNMENT({name}, %zu);\\n\", \
             sizeof({name}), _Alignof({name}));"
        )
        .expect("it is a String");
        for field in fields {
            writeln!(
                program,
                "printf(\"FIELD({name}, {field}, %zu, %zu);\\n\", \
                 offsetof({name}, {field}), sizeof((({name} *)0)->{field}));"
            )
            .expect("it is a String");
        }
        program += "puts(\"\");\n";
    }
    program += "return 0;\n}\n";
    let workshop = Workshop::new();
    let source = workshop.path().join("measures.c");
    std::fs::write(&source, program).expect("the folder is ours");
    let program = workshop.compile(&source, "c11", &[]);
    workshop.run(&program, Under::Nothing)
}
