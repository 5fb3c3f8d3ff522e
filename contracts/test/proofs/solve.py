"""What halmos asks, answered by cvc5 with words as integers: sums and products of them are what the proofs are about.

Halmos leaves products and quotients of two unknowns open at first, and says what they are only once that was not enough.
Here they are said at once.
"""

import re
import sys

import cvc5

WORD = r"\(\(_ BitVec \2\) \(_ BitVec \2\)\) \(_ BitVec \2\)\)"
OPEN = r"\(declare-fun f_evm_({})_([0-9]+) " + WORD
DEFINED = r"(define-fun f_evm_\1_\2 ((x (_ BitVec \2)) (y (_ BitVec \2))) (_ BitVec \2) {})"
# As the EVM has it, and not SMT-LIB: what is divided by zero is zero.
BY_ZERO = r"(ite (= y (_ bv0 \2)) (_ bv0 \2) (\1 x y))"


def defined(query):
    query = re.sub(OPEN.format("bvmul"), DEFINED.format(r"(\1 x y)"), query)
    return re.sub(OPEN.format("bvudiv|bvurem|bvsdiv|bvsrem"), DEFINED.format(BY_ZERO), query)


def answer(query):
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    solver.setOption("produce-models", "true")
    solver.setOption("solve-bv-as-int", "sum")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, query, "query")
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        print(command.invoke(solver, symbols), end="", flush=True)


with open(sys.argv[1], encoding="utf-8") as file:
    answer(defined(file.read()))
