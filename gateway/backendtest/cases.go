package backendtest

type testCase struct {
	name string
	run  func(k *kit)
}

func cases() []testCase {
	return []testCase{
		{"variables are those of the request and no others", variables},
		{"bodies of every size arrive whole", bodies},
		{"a large body both ways at once", bothWays},
		{"a large answer before the body is read", answerFirst},
		{"a dialogue: each piece at once", dialogue},
		{"an early answer to a body that nobody reads", earlyAnswer},
		{"an early answer to a body that does not come", earlyAnswerToSilence},
		{"a request body that breaks off", brokenBody},
		{"a request body that stops and then breaks off", stalledBody},

		{"heads", heads},
		{"bad heads", badHeads},
		{"a head in single bytes", headInBytes},
		{"a head as long as it may be, and longer", headLimit},
		{"early hints", earlyHints},
		{"HEAD, 204 and 304 with bodies", bodiesNobodyGets},

		{"answers of every size arrive whole", answerSizes},
		{"an answer in single bytes", answerInBytes},
		{"an answer written to a writer", writerTo},
		{"a slow reader", slowReader},
		{"standard error", standardError},
		{"a flood of standard error", standardErrorFlood},
		{"times and the idle clock", clocks},
		{"many at once", manyAtOnce},

		{"an exit status is no failure", exitStatus},
		{"death before the head", deathBeforeHead},
		{"death in the middle", deathInTheMiddle},
		{"the request ends before the head", endsBeforeHead},
		{"the request ends in the middle", endsInTheMiddle},
		{"the request ends while its body is awaited", endsAwaitingBody},
		{"the request has ended already", endedAlready},
		{"the request ends after the answer", endsAfterwards},
		{"closing in the middle", closesInTheMiddle},
		{"closing before, after and instead of reading", closesAnyTime},
		{"closing while another reads", closesWhileReading},
	}
}
