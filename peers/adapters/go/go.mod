module ekmcheck.example/peers/adapters/go

go 1.22
