use super::*;
use axum::body::to_bytes;

/// Gives back what comes, and tells whether it was stopped when that broke off.
fn echo(told: mpsc::Sender<bool>) -> Run {
    Arc::new(move |_, (_, mut input, output), stop| {
        let told = told.clone();
        Box::pin(async move {
            while let Some(piece) = input.recv().await {
                let last = piece.is_none();
                output.send(piece).await.unwrap();
                if last {
                    output.closed().await;
                    return 0;
                }
            }
            told.send(stop.is_cancelled()).await.unwrap();
            1
        })
    })
}

#[tokio::test]
async fn the_streams_of_a_command_go_both_ways_and_break_off_with_its_shell() {
    let (told, mut broken) = mpsc::channel(1);
    let running = Arc::default();
    let run = echo(told);
    let commands = || {
        State(Commands {
            run: run.clone(),
            running: Arc::clone(&running),
        })
    };
    let shell = begin(commands(), Given(Value::Null)).await.unwrap();
    let taken = input(commands(), Path(1), Body::from("abc")).await.unwrap();
    assert_eq!(taken, StatusCode::NO_CONTENT);
    assert!(
        input(commands(), Path(1), Body::from("d")).await.is_err(),
        "it has one"
    );
    let given = output(commands(), Path(1)).await.unwrap();
    assert_eq!(&to_bytes(given.into_body(), 9).await.unwrap()[..], b"abc");
    let said = to_bytes(shell.into_body(), 99).await.unwrap();
    assert_eq!(&said[..], b"{\"run\":1}\n{\"exit\":0}\n");
    assert!(output(commands(), Path(1)).await.is_err(), "it has ended");

    let shell = begin(commands(), Given(Value::Null)).await.unwrap();
    drop(shell);
    assert_eq!(broken.recv().await, Some(true));
    assert!(running.lock().commands.is_empty());
}
