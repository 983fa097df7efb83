"""The rule language, and the judgement: a pure function of a program and fields. Knows no other room."""
